// #region invoice-sent
import { z } from 'zod';
import { type PayloadOf, defineTopic } from '../../src/index.js';

const InCents = z.object({ invoiceId: z.string(), cents: z.int(), currency: z.string() });
const InEuros = z.object({ invoiceId: z.string(), amount: z.number() }); // as it was once, and may still wait somewhere

export const InvoiceSent = defineTopic({
  name: 'invoice.sent',
  bizId: ({ invoiceId }) => invoiceId, // read from what was published, so it has to be there in each shape
  schema: z.union([
    InCents,
    InEuros.transform(({ invoiceId, amount }) => ({
      invoiceId,
      cents: Math.round(amount * 100),
      currency: 'EUR',
    })),
  ]),
});
export type Invoice = PayloadOf<typeof InvoiceSent>; // { invoiceId, cents, currency }, whatever was published
// #endregion
