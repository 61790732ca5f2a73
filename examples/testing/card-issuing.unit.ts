import { Card } from '../readme/entities.js';
import { CardIssuing } from '../readme/card-issuing.js';
// #region unit
import type { DeliveryContext } from '../../src/index.js';

describe('CardIssuing', () => {
  it('issues a card for the payment', async () => {
    const insert = jest.fn();
    const delivery = { manager: { insert } } as unknown as DeliveryContext;
    await new CardIssuing().issue({ paymentId: 'P-1', userId: 'u-1', amount: 900 }, delivery);
    expect(insert).toHaveBeenCalledWith(Card, { paymentId: 'P-1', userId: 'u-1' });
  });
});
// #endregion
