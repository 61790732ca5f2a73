import { randomBytes, randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';

export interface Told {
  status: number;
  code: string | undefined;
  message: string | undefined;
  // Each test knows what it has asked for.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

/** Asks a broker service as a program in any language would: by its protocol alone. */
export async function ask(
  url: string,
  operation: string,
  request: unknown,
  { token, method = 'POST', headers = {} }: { token?: string; method?: string; headers?: object } = {},
): Promise<Told> {
  const isText = typeof request === 'string' || request instanceof Uint8Array;
  const bytes = Buffer.from(
    isText ? (request as string) : JSON.stringify(request === undefined ? {} : request),
  );
  const response = await send(`${url}/v1/${operation}`, method === 'POST' ? bytes : undefined, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
  const body = JSON.parse(response.text) as { error?: { code: string; message: string } };
  return { status: response.status, code: body.error?.code, message: body.error?.message, body };
}

/** Each request on a connection of its own: nothing is left when a test is over. */
function send(
  url: string,
  body: Buffer | undefined,
  options: { method: string; headers: object },
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { headers, method } = options;
    const request = httpRequest(url, { method, headers: { ...headers }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** An inner-msg-id as a client in any language makes one. */
export function uuid7(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

let claims = 0;

/** A shipment of these messages, of an outbox of its own. */
export function shipment(...messages: object[]): object {
  return {
    origin: randomUUID(),
    claims: ++claims,
    messages: messages.map((message, i) => ({
      innerMsgId: uuid7(),
      topic: 'payment.succeeded',
      bizId: `P-${i}`,
      body: `{"paymentId":"P-${i}"}`,
      ...message,
    })),
  };
}
