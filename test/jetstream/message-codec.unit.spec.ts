import { randomBytes } from 'node:crypto';
import { fromMessage, toHeaders } from '../../src/jetstream/message.codec.js';

const sent = {
  topic: 'payment.succeeded',
  innerMsgId: randomBytes(16),
  bizId: Buffer.from('P.1'),
  orderingKey: Buffer.from('user-1'),
  headers: Buffer.from('[]'),
  body: Buffer.from('{}'),
};

const readWith = (changed: Record<string, string>) => {
  const headers = toHeaders(sent as never);
  for (const [name, value] of Object.entries(changed)) headers.set(name, value);
  return fromMessage({ headers, data: sent.body, info: { timestampNanos: 1_000_000 } } as never);
};

describe('a message of JetStream', () => {
  it('is read as it was sent', () => {
    expect(readWith({})?.message).toMatchObject(sent);
  });

  it.each([
    ['Mq-Biz-Id', '!!!!'],
    ['Mq-Biz-Id', 'UC4x='],
    ['Mq-Biz-Id', 'P.1'],
    ['Mq-Ordering-Key', 'dXNlci0x!'],
    ['Mq-Headers', 'W10='],
  ])('is nobody’s of this library with %s: %s, which others decode to as well', (name, value) => {
    expect(readWith({ [name]: value })).toBeUndefined();
  });
});
