import type { IdempotentMqOptions, Shipment } from '../../src/index.js';

type Through = NonNullable<NonNullable<IdempotentMqOptions['broker']>['through']>;

/** The broker, reached by way of somebody who does something to each shipment first. */
export function changedSending(change: (shipment: Shipment) => Shipment | Promise<Shipment>): Through {
  return (broker) =>
    Object.assign(Object.create(broker) as typeof broker, {
      send: async (shipment: Shipment) => broker.send(await change(shipment)),
    });
}
