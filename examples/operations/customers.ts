import { setTimeout as pause } from 'node:timers/promises';
import type { Payments } from '../demo/payment-system/payments.js';

export const TWICE_ONE_IN = 4;
export const CUSTOMERS = 7;

const EVERY_MS = 250;

/** They pay P-1, P-2 and so on, one after the other, and some press the button twice. */
export async function customersPay(payments: Payments, count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    const payment = { paymentId: `P-${number}`, userId: `u-${number % CUSTOMERS}`, amount: 900 };
    await payments.take(payment);
    if (number % TWICE_ONE_IN === 0) await payments.announceAgain(payment);
    await pause(EVERY_MS);
  }
}
