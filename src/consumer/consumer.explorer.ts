import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { ConfigurationError } from '../errors/index.js';
import { type ConsumerMetadata, consumersOf } from './consumer.decorators.js';
import { type ResolvedConsumerOptions, resolveConsumerOptions } from './consumer-options.js';
import { scenarioName } from './scenario.js';

type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** One decorator on one method of one provider or controller. */
export type DiscoveredConsumer = ConsumerMetadata & {
  /** For messages: `CardIssuing.issue (group card-issuing, topic payment.succeeded)`. */
  name: string;
  settings: ResolvedConsumerOptions;
  scenario: string;
  instance: object;
  /** False for request and transient scope: then the instance is resolved anew for each delivery. */
  isStatic: boolean;
  token: string | symbol | (new (...args: never[]) => object);
  methodName: string;
  method: (...args: never[]) => unknown;
};

/**
 * Finds every decorated handler of one module instance.
 *
 * @throws ConfigurationError also for the handlers of an instance that the app doesn't have: nobody would run them
 */
export function discoverConsumers(
  discovery: DiscoveryService,
  scanner: MetadataScanner,
  { name, instances }: { name: string | undefined; instances: ReadonlySet<string | undefined> },
  defaults: ResolvedConsumerOptions,
): DiscoveredConsumer[] {
  const all = [...discovery.getProviders(), ...discovery.getControllers()].flatMap((wrapper) =>
    consumersOfWrapper(wrapper, scanner, defaults),
  );
  const stray = all.find(({ options }) => !instances.has(options.instance));
  if (stray) {
    const known = [...instances].map((instance) => instance ?? 'one without a name').join(', ');
    throw new ConfigurationError(
      `${stray.name} belongs to ${stray.options.instance ? `the instance ${stray.options.instance}` : 'the instance without a name'}, which this app doesn't have (it has: ${known}). ` +
        'Set { instance } on the consumer to the name given to forRoot({ name }).',
    );
  }
  const found = all.filter(({ options }) => options.instance === name);
  checkTogether(found);
  return found;
}

function consumersOfWrapper(
  wrapper: InstanceWrapper,
  scanner: MetadataScanner,
  defaults: ResolvedConsumerOptions,
): DiscoveredConsumer[] {
  if (wrapper.isAlias) return [];
  const instance = wrapper.instance as object | null | undefined;
  // useValue and useFactory providers have no metatype of their own: their class is that of what they made.
  const prototype = (instance ? Object.getPrototypeOf(instance) : wrapper.metatype?.prototype) as
    object | null;
  if (!prototype || (typeof instance === 'function' && !wrapper.metatype)) return [];
  return scanner.getAllMethodNames(prototype).flatMap((methodName) => {
    const method = (prototype as Record<string, unknown>)[methodName] as DiscoveredConsumer['method'];
    return consumersOf(method).map((consumer) => {
      const { group, instance: of } = consumer.options;
      const where = `group ${group}, topic ${consumer.topic.name}${of === undefined ? '' : `, instance ${of}`}`;
      const name = `${prototype.constructor.name}.${methodName} (${where})`;
      const scenario =
        consumer.kind === 'idempotent'
          ? scenarioName({ ...consumer.options, topic: consumer.topic.name })
          : '';
      return {
        ...consumer,
        name,
        settings: settingsOf(name, consumer, defaults),
        scenario,
        instance: instance!,
        // Nest never runs the constructor of a transient provider's own static instance.
        isStatic: wrapper.isDependencyTreeStatic() && !wrapper.isTransient,
        token: wrapper.token as DiscoveredConsumer['token'],
        methodName,
        method,
      };
    });
  });
}

/** What `forRoot({ consumers })` says of sharing transactions is for those that have one, and leave its ACK to it. */
function settingsOf(
  name: string,
  consumer: ConsumerMetadata,
  defaults: ResolvedConsumerOptions,
): ResolvedConsumerOptions {
  const settings = resolveConsumerOptions(name, consumer.options, defaults);
  const { kind, options } = consumer;
  const mayShare = kind === 'idempotent' && options.ack !== 'manual' && options.batch === undefined;
  return mayShare ? settings : { ...settings, perTransaction: 1 };
}

/** @throws ConfigurationError when two consumers would take each other's messages, or hide each other's effects */
function checkTogether(consumers: readonly DiscoveredConsumer[]): void {
  const bySubscription = new Map<string, DiscoveredConsumer>();
  const byScenario = new Map<string, DiscoveredConsumer>();
  for (const consumer of consumers) {
    const { topic, options } = consumer;
    const subscription = JSON.stringify([options.group, topic.name]);
    const other = bySubscription.get(subscription);
    if (other) {
      throw new ConfigurationError(
        `${other.name} and ${consumer.name} are both consumers of one subscription, and each would get some of its messages. ` +
          'Give one of them another group, or leave one out (the class may be provided twice).',
      );
    }
    bySubscription.set(subscription, consumer);
    if (consumer.kind !== 'idempotent') continue;
    const dedup = JSON.stringify([consumer.scenario, topic.name]);
    const sharing = byScenario.get(dedup);
    if (sharing) {
      throw new ConfigurationError(
        `${sharing.name} and ${consumer.name} share the scenario ${consumer.options.scenario} for one topic: whichever came second would take the other's biz-ids for its own duplicates, and its effect would be lost. ` +
          'Leave the scenario out, or give each group its own.',
      );
    }
    byScenario.set(dedup, consumer);
  }
}

/**
 * Deliveries are claimed for as many handlers as a consumer may run at a time. Those that find no connection would only
 * hold their leases.
 *
 * @throws ConfigurationError for a consumer that can never run as many handlers as it says
 */
export function checkSeats(consumers: readonly DiscoveredConsumer[], connections: number): void {
  const [widest] = [...consumers].sort((a, b) => b.settings.concurrency - a.settings.concurrency);
  if (!widest || widest.settings.concurrency <= connections) return;
  const { name, settings } = widest;
  throw new ConfigurationError(
    `${name} runs up to ${settings.concurrency} handlers at a time (concurrency), each on a connection of its own, and there are ${connections} for handlers (consumers.connections). ` +
      `Set forRoot({ consumers: { connections: ${settings.concurrency} } }) or more, or a concurrency of at most ${connections}. ` +
      'See docs/operations.md, Running it.',
  );
}

/**
 * What a lease that a single statement may outlast leads to is safe, as an ACK needs the lease: but work is done twice, and
 * once for nothing. Short leases are of use in tests and where a database answers fast, so it is no error.
 *
 * @param wait the option that says how long a renewal may take, and its milliseconds
 */
export function tellOfShortLeases(
  consumers: readonly DiscoveredConsumer[],
  wait: { option: string; ms: number },
): string | undefined {
  const short = consumers.filter(({ settings }) => settings.leaseMs < wait.ms);
  if (short.length === 0) return undefined;
  const leaseMs = Math.min(...short.map(({ settings }) => settings.leaseMs));
  return (
    `leaseMs (${leaseMs}) is shorter than ${wait.option} (${wait.ms}) for ${short.map(({ name }) => name).join(', ')}: ` +
    'while the database is slow, one renewal may take longer than the lease lasts, and another process begins the same work; only one of them takes effect. ' +
    `Raise consumers.leaseMs above ${wait.ms}, or lower ${wait.option}.`
  );
}
