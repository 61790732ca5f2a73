import {
  type HttpMessage,
  beginningOf,
  httpMessages,
  isOk,
  operationOf,
} from '../../examples/demo/wire/http-messages.js';

/** Ten bytes in nine letters. */
const CLAIM = 'POST /idempotent-mq/v1/claim HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n{"a":"é"}';
const HEALTH = 'GET /v1/health HTTP/1.1\r\nhost: here\r\n\r\n';
const REFUSED = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}';

function messagesIn(bytes: Buffer, ofEach: number): HttpMessage[] {
  const messages: HttpMessage[] = [];
  const take = httpMessages((message) => messages.push(message));
  for (let from = 0; from < bytes.length; from += ofEach) take(bytes.subarray(from, from + ofEach));
  return messages;
}

describe('what the demo reads on the wire', () => {
  const bytes = Buffer.from(CLAIM + HEALTH + REFUSED);

  it.each([1, 7, 50, bytes.length])('is the same messages, in chunks of %d bytes', (ofEach) => {
    const messages = messagesIn(bytes, ofEach);
    expect(messages.map((message) => message.bytes.toString())).toEqual([CLAIM, HEALTH, REFUSED]);
    expect(messages.map(({ body }) => body.toString())).toEqual(['{"a":"é"}', '', '{}']);
  });

  it('is no message before its last byte has come', () => {
    expect(messagesIn(Buffer.from(CLAIM).subarray(0, -1), 10)).toEqual([]);
  });

  it('says which operation is asked for, and whether it was carried out', () => {
    const [claim, health, refused] = messagesIn(bytes, bytes.length) as [
      HttpMessage,
      HttpMessage,
      HttpMessage,
    ];
    expect([claim, health].map(operationOf)).toEqual(['claim', 'health']);
    expect(isOk(refused)).toBe(false);
    expect(isOk({ ...refused, line: 'HTTP/1.1 200 OK' })).toBe(true);
  });

  it('may be cut in the middle of the body', () => {
    const [claim] = messagesIn(bytes, bytes.length) as [HttpMessage];
    const head = claim.bytes.length - claim.body.length;
    for (let i = 0; i < 100; i++) {
      const cut = beginningOf(claim);
      expect(cut.length).toBeGreaterThan(head);
      expect(cut.length).toBeLessThan(claim.bytes.length);
    }
  });
});
