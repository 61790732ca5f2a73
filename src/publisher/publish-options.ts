import type { EntityManager } from 'typeorm';
import { InvalidOptionError, type PublishCall, usageOf } from '../errors/index.js';
import type { HeadersInput } from '../topic/index.js';
import type { TimingOptions } from './timing.js';

/** Which transaction it is part of. */
export interface JoinTransactionOptions {
  /** The manager of the transaction to join: the one that `dataSource.transaction(async (manager) => …)` passes. */
  manager?: EntityManager;
  /** Says that no transaction is meant: it is done in one of its own. */
  standalone?: boolean;
}

export interface PublishOptions extends JoinTransactionOptions, TimingOptions {
  /** Strings that travel beside the payload, 16 KiB at most. No name begins with `mq-`. */
  headers?: HeadersInput;
  /**
   * What the message is about, such as `account-7`: each group handles the messages of one topic and key one at a time, and
   * in the order in which they were published, where one `publish` began after the transaction of the other had committed,
   * or both are in one. A non-empty string of 255 bytes of UTF-8 at most. Not together with `delayMs` or `deliverAt`.
   *
   * @default none: it is handled beside others, in any order
   */
  orderingKey?: string;
}

export interface PublishAllOptions<Payload> extends Omit<PublishOptions, 'orderingKey'> {
  /** One for all of them, or how to get each one's from its payload; see {@link PublishOptions.orderingKey}. */
  orderingKey?: string | ((payload: Payload) => string);
}

const TIMES = ['delayMs', 'deliverAt'] as const;
const JOIN = ['manager', 'standalone'];
const KNOWN: Record<PublishCall, readonly string[]> = {
  publish: [...JOIN, 'headers', 'orderingKey', 'delayMs', 'deliverAt', 'expiresAt'],
  publishAll: [...JOIN, 'headers', 'orderingKey', 'delayMs', 'deliverAt', 'expiresAt'],
  cancel: JOIN,
};

/** @throws InvalidOptionError naming the option and what came */
export function checkPublishOptions(call: PublishCall, options: PublishAllOptions<never>): void {
  const usage = usageOf(call);
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(`${usage}, options)`, options, 'an object such as { manager }');
  }
  if (isManager(options)) {
    throw new InvalidOptionError(
      `${usage}, options)`,
      options,
      'an object such as { manager }, and an EntityManager came: pass it as { manager }',
    );
  }
  const unknown = Object.keys(options).find((key) => !KNOWN[call].includes(key));
  if (unknown !== undefined) {
    const value = (options as Record<string, unknown>)[unknown];
    const remedy = isManager(value) ? ` A transaction's manager is passed as { manager }` : '';
    throw new InvalidOptionError(
      `${call}({ ${unknown} })`,
      value,
      `left out: it is not an option. Known are ${KNOWN[call].join(', ')}.${remedy}`,
    );
  }
  if (options.standalone !== undefined && typeof options.standalone !== 'boolean') {
    throw new InvalidOptionError(`${call}({ standalone })`, options.standalone, 'a boolean');
  }
  if (options.standalone && options.manager) {
    throw new InvalidOptionError(`${call}({ standalone })`, true, 'left out where a manager is given');
  }
  const time =
    options.orderingKey === undefined ? undefined : TIMES.find((key) => options[key] !== undefined);
  if (time) {
    throw new InvalidOptionError(
      `${call}({ ${time} })`,
      options[time],
      'left out where orderingKey is given: what waits for a time would hold up all that follows it, or be overtaken',
    );
  }
}

/** Not instanceof: it may be of another copy of TypeORM. */
function isManager(value: unknown): boolean {
  return typeof (value as Partial<EntityManager> | null | undefined)?.transaction === 'function';
}
