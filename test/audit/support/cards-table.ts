import type { EffectTable } from '../../../src/audit/index.js';
import { scenarioName } from '../../../src/consumer/scenario.js';
import { PaymentSucceeded } from '../../support/cards.js';

/** Where each payment that the group has handled has one card. */
export const cardsOf = (group: string): EffectTable => ({
  column: { table: '`card`', column: '`paymentId`' },
  name: 'card',
  schema: undefined,
  table: 'card',
  columnName: 'paymentId',
  scenario: scenarioName({ group, topic: PaymentSucceeded.name }),
});

export const CARDS = cardsOf('cards');
