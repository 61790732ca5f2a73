import type { BrokerService } from '../broker/index.js';
import type { Transport } from './port.js';

/** The broker in this very process, its tables in the app's database. */
export function localTransport(broker: BrokerService): Transport {
  return broker;
}
