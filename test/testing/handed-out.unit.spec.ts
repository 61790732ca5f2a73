import { DeliveriesHandedOut } from '../../src/testing/harness/handed-out.js';

describe('DeliveriesHandedOut', () => {
  const handOut = async (deliveries: [topic: string, group: string, seq: number][]) => {
    const transport = {
      claim: async ({ subscription }: { subscription: { id: number } }) => ({
        deliveries: [{ subscriptionId: subscription.id, seq: subscription.id, bizId: Buffer.from('P-1') }],
      }),
      claimAlone: async () => undefined,
    };
    const handedOut = new DeliveriesHandedOut({ transport } as never);
    for (const [topic, group, id] of deliveries)
      await transport.claim({ subscription: { id, group, topic } } as never);
    return handedOut;
  };

  it('tells the delivery of a topic and a group from that of one whose name begins alike', async () => {
    const handedOut = await handOut([
      ['money', 'books', 1],
      ['money.back', 'books', 2],
      ['money', 'books of others', 3],
    ]);
    const seqOf = (topic: string, group: string) => handedOut.last({ topic, group, bizId: 'P-1' })?.seq;
    expect([seqOf('money', 'books'), seqOf('money.back', 'books')]).toEqual([1, 2]);
    expect(seqOf('money', 'books of others')).toBe(3);
    expect(seqOf('money', 'nobody')).toBeUndefined();
  });

  it('counts each once, however often it comes, and knows the one that came last', async () => {
    const handedOut = await handOut([
      ['money', 'books', 1],
      ['money', 'books', 2],
      ['money', 'books', 1],
    ]);
    expect(handedOut.count).toBe(2);
    expect(handedOut.last({ topic: 'money' })?.seq).toBe(1);
  });
});
