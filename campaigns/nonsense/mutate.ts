import { randomUUID } from 'node:crypto';
import type { Seeded } from '../seeded.js';

/** A request as it goes over the wire, as far as it is one. */
export interface Nonsense {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: Buffer;
}

const VALID: Record<string, object> = {
  identify: {},
  poll: { subscription: 1, after: 0 },
  claim: { subscription: 1, claimId: randomUUID(), limit: 10, leaseMs: 1_000 },
  acknowledge: { leases: [{ subscription: 1, seq: 1, token: randomUUID() }] },
  extend: { leases: [{ subscription: 1, seq: 1, token: randomUUID() }], leaseMs: 1_000 },
  subscribe: { topic: 'payment.succeeded', group: 'g', version: 1 },
  administer: { call: 'topics' },
  send: {
    origin: randomUUID(),
    claims: 1,
    messages: [
      {
        innerMsgId: '018f3c1e-7a2b-7c3d-8e4f-5a6b7c8d9e0f',
        topic: 'payment.succeeded',
        bizId: 'P-1',
        body: '{"paymentId":"P-1"}',
        headers: [['a', 'b']],
      },
    ],
  },
};
const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  '',
  'x',
  '\ud800',
  "'; DROP TABLE mq_message; --",
  '../../etc/passwd',
  [],
  {},
  [[[[[[[[[[[[]]]]]]]]]]]],
  'ü'.repeat(10_000),
];
const KEYS = ['__proto__', 'constructor', 'toString', 'limit', 'subscription', '', 'x'.repeat(1_000)];

/** A valid request with something wrong in it, as the seed says. */
export function nonsense(random: Seeded): Nonsense {
  const names = Object.keys(VALID);
  const name = random.pick(names);
  const request: Nonsense = {
    path: `/v1/${name}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(VALID[name])),
  };
  random.pick(WAYS)(request, random);
  return request;
}

type Way = (request: Nonsense, random: Seeded) => void;

const WAYS: readonly Way[] = [
  (request, random) => {
    request.body = request.body.subarray(0, Math.floor(random.next() * request.body.length));
  },
  (request, random) => {
    for (let i = 0; i < 4; i++)
      request.body[Math.floor(random.next() * request.body.length)] = Math.floor(random.next() * 256);
  },
  (request, random) => {
    const body = JSON.parse(request.body.toString()) as Record<string, unknown>;
    const keys = Object.keys(body);
    body[keys.length > 0 ? random.pick(keys) : 'x'] = random.pick(VALUES);
    request.body = Buffer.from(JSON.stringify(body));
  },
  (request, random) => {
    const text = request.body.toString();
    const key = JSON.stringify(random.pick(KEYS));
    const comma = text === '{}' ? '' : ',';
    request.body = Buffer.from(`{${key}:${JSON.stringify(random.pick(VALUES))}${comma}${text.slice(1)}`);
  },
  (request, random) => {
    request.body = Buffer.from(random.pick(['[', '{"a":']).repeat(1 + Math.floor(random.next() * 100_000)));
  },
  (request, random) => {
    request.body = Buffer.alloc(
      Math.floor(random.next() * 2_000_000),
      random.pick(['"', '[', 'x', '\\', '0']),
    );
  },
  (request, random) => {
    request.path = random.pick([
      '/',
      '/v1/',
      '/v2/claim',
      '/v1/%00',
      `/v1/${'a'.repeat(5_000)}`,
      '/v1/__proto__',
      '//v1/claim',
    ]);
  },
  (request, random) => {
    request.method = random.pick(['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
  },
  (request, random) => {
    request.headers['content-type'] = random.pick([
      'text/plain',
      'application/json; charset=latin1',
      'x',
      '',
    ]);
  },
  (request, random) => {
    request.headers.authorization = random.pick(['Bearer', 'Basic x', `Bearer ${'x'.repeat(9_000)}`]);
  },
];
