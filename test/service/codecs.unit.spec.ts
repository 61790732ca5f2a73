import { claimAnswerToJson } from '../../src/wire/index.js';

// Property: a claim that has leased is answered, whatever somebody has written into the broker's tables.

it.each(['{"a":', '{"a":1}', '\xff'])('leaves out headers that can’t be read: %s', (headers) => {
  const delivery = {
    subscriptionId: 1,
    seq: 1,
    token: Buffer.alloc(16),
    orderingKey: undefined,
    innerMsgId: Buffer.alloc(16),
    bizId: Buffer.from('P-1'),
    body: Buffer.from('{}'),
    headers: Buffer.from(headers, 'latin1'),
    landedAt: new Date(0),
    ageMs: 0,
    expiresInMs: undefined,
    failures: 0,
    lostLeases: 0,
    errors: null,
  };
  const answer = { deliveries: [delivery], lastSeen: 1, suspects: [], heldBack: false };
  const { deliveries } = claimAnswerToJson(answer);
  expect(deliveries).toEqual([expect.objectContaining({ bizId: 'P-1', headers: undefined })]);
});
