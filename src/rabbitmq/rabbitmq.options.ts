import { EngineOptions, MAX_TIMER_MS } from '../transport/engine/engine-options.js';
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

/** @throws InvalidOptionError naming the option and what came */
export function resolveRabbitmqOptions(options: RabbitmqOptions) {
  const given = new EngineOptions('rabbitmq', options, KNOWN);
  const { url, prefix = 'mq' } = options;
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9._-]{1,40}$/.test(prefix)) {
    throw given.invalid('prefix', '1 to 40 letters, digits and . _ -');
  }
  return {
    url: urlOption(url, given),
    prefix,
    prefetch: options.prefetch === undefined ? undefined : given.whole('prefetch', 1, { max: 10_000 }),
    heartbeatSeconds: given.whole('heartbeatSeconds', 10, { max: 600 }),
    timeoutMs: given.whole('timeoutMs', 5_000, { max: MAX_TIMER_MS }),
    through: given.through(),
  };
}

function urlOption(url: unknown, given: EngineOptions): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && ['amqp:', 'amqps:'].includes(parsed.protocol) && parsed.hostname) return url as string;
  throw given.invalid(
    'url',
    "RabbitMQ's address, such as amqp://user:password@queue.internal:5672/orders",
    typeof url === 'string' && /[?#@]/.test(url) ? '***' : url,
  );
}
