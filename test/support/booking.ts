import { defineTopic } from '../../src/index.js';

/** A topic in whose accounts the order matters. */
export interface Booked {
  account: string;
  number: number;
}

export const Booking = defineTopic<Booked>({
  name: 'account.booked',
  bizId: ({ account, number }) => `${account}#${number}`,
});

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
