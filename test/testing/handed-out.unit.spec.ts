import { DeliveriesHandedOut } from '../../src/testing/harness/handed-out.js';

describe('DeliveriesHandedOut', () => {
  it('tells the delivery of a topic from that of one whose name begins alike', async () => {
    const claimOf = (subscriptionId: number) => ({
      deliveries: [{ subscriptionId, seq: subscriptionId, bizId: Buffer.from('P-1') }],
    });
    const transport = {
      claim: async ({ subscription }: { subscription: { id: number } }) => claimOf(subscription.id),
      claimAlone: async () => undefined,
    };
    const handedOut = new DeliveriesHandedOut({ transport } as never);
    for (const [id, topic] of ['money', 'money.back'].entries()) {
      await transport.claim({ subscription: { id, group: 'books', topic } } as never);
    }
    expect(handedOut.ofScope('Books.add (group books, topic money) for P-1')?.seq).toBe(0);
    expect(handedOut.ofScope('Books.add (group books, topic money.back) for P-1')?.seq).toBe(1);
    expect(handedOut.ofScope('Books.add (group books, topic money, instance b) for P-1')?.seq).toBe(0);
  });
});
