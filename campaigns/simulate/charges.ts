import { defineTopic } from '../../src/index.js';
import type { Payment } from '../processes/payment.js';

/** What is published under the campaigns' topic, and a little more. */
export interface Charge extends Payment {
  /** Which publish it is of, and as the how manieth of it: the same payment may be told of again and again. */
  readonly message: string;
  readonly account: string;
}

/** Published by a handler, in the transaction of its effect. */
export const Noticed = defineTopic<Payment>({
  name: 'payment.noticed',
  bizId: ({ paymentId }) => paymentId,
});

export function chargeIn(body: Buffer | string): Charge {
  return JSON.parse(body.toString()) as Charge;
}
