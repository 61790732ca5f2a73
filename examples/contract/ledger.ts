import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { Entry } from './entry.js';
import { type Invoice, InvoiceSent } from './invoice-sent.js';

// #region ledger
@Injectable()
export class Ledger {
  @IdempotentConsumer(InvoiceSent, { group: 'ledger' })
  async enter({ invoiceId, cents, currency }: Invoice, delivery: DeliveryContext) {
    await delivery.manager.insert(Entry, { invoiceId, cents, currency });
  }
}
// #endregion
