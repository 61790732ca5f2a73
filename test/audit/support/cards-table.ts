import type { EffectTable } from '../../../src/audit/index.js';
import { scenarioName } from '../../../src/consumer/scenario.js';
import { PaymentSucceeded } from '../../support/cards.js';
import type { Engine } from '../../support/engines.js';

/** Where each payment that the group has handled has one card. */
export const cardsOf = (group: string, engine: Engine): EffectTable => ({
  column:
    engine === 'postgres'
      ? { table: '"card"', column: '"paymentId"' }
      : { table: '`card`', column: '`paymentId`' },
  name: 'card',
  schema: undefined,
  table: 'card',
  columnName: 'paymentId',
  scenario: scenarioName({ group, topic: PaymentSucceeded.name }),
});
