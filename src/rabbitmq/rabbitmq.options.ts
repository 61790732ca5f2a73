import { InvalidOptionError } from '../errors/index.js';
import type { Transport } from '../transport/port.js';

export interface RabbitmqOptions {
  /** Where it is: `amqp://user:password@host:5672/vhost`, or `amqps://…`. */
  url: string;
  /** What the names of its queues and exchanges begin with. Letters, digits and `. _ -`, 40 at most. @default 'mq' */
  prefix?: string;
  /** How many messages it may send ahead to each consumer of this process. From 1 to 10000. @default twice the consumer's concurrency */
  prefetch?: number;
  /** How often both ends say that they are there, in seconds: who misses two is taken for gone. From 1 to 600. @default 10 */
  heartbeatSeconds?: number;
  /** Longest that a question to it may take, in milliseconds. @default 5000 */
  timeoutMs?: number;
  /** Puts something between this process and the broker: a test loses ACKs here. */
  through?: (broker: Transport) => Transport;
}

export type ResolvedRabbitmqOptions = ReturnType<typeof resolveRabbitmqOptions>;

const KNOWN = ['url', 'prefix', 'prefetch', 'heartbeatSeconds', 'timeoutMs', 'through'];
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws InvalidOptionError naming the option and what came */
export function resolveRabbitmqOptions(options: RabbitmqOptions) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError('rabbitmq(options)', options, 'an object such as { url }');
  }
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) {
    const value = (options as unknown as Record<string, unknown>)[unknown];
    const expected = `left out: it is not an option. Known are ${KNOWN.join(', ')}`;
    throw new InvalidOptionError(`rabbitmq({ ${unknown} })`, value, expected);
  }
  const { prefix = 'mq', through } = options;
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9._-]{1,40}$/.test(prefix)) {
    throw new InvalidOptionError('rabbitmq({ prefix })', prefix, '1 to 40 letters, digits and . _ -');
  }
  if (through !== undefined && typeof through !== 'function') {
    const expected = 'a function from a transport to a transport';
    throw new InvalidOptionError('rabbitmq({ through })', through, expected);
  }
  return {
    url: urlOption(options.url),
    prefix,
    prefetch: options.prefetch === undefined ? undefined : whole('prefetch', options.prefetch, 10_000),
    heartbeatSeconds: whole('heartbeatSeconds', options.heartbeatSeconds ?? 10, 600),
    timeoutMs: whole('timeoutMs', options.timeoutMs ?? 5_000, MAX_TIMER_MS),
    through,
  };
}

function urlOption(url: unknown): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && ['amqp:', 'amqps:'].includes(parsed.protocol) && parsed.hostname) return url as string;
  throw new InvalidOptionError(
    'rabbitmq({ url })',
    typeof url === 'string' && /[?#@]/.test(url) ? '***' : url,
    "RabbitMQ's address, such as amqp://user:password@queue.internal:5672/orders",
  );
}

function whole(option: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw new InvalidOptionError(`rabbitmq({ ${option} })`, value, `a whole number from 1 to ${max}`);
}
