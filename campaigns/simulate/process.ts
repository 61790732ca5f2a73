import { MetadataScanner } from '@nestjs/core';
import { Consumers, type HandlerCaller, discoverConsumers } from '../../src/consumer/index.js';
import { resolveOptions } from '../../src/idempotent-mq.options.js';
import { IdempotentMqRuntime } from '../../src/idempotent-mq.runtime.js';
import type { BrokerService, IdempotentMqOptions } from '../../src/index.js';
import type { Transport } from '../../src/transport/port.js';
import { Desk } from './desk.js';
import { faultyPort } from './faulty-port.js';
import { askingAgain, claimingRepeatably } from './service-port.js';
import { operate } from './operator.js';
import { type Lane, pay } from './paying.js';
import {
  DAY_MS,
  HANDLER_MS,
  LEASE_MS,
  RETENTION_MS,
  SHUTDOWN_MS,
  SLACK_MS,
  UNROUTED_MS,
  WINDOW_MS,
} from './times.js';
import type { World } from './world.js';

export type Role = 'publish' | 'relay' | 'consume' | 'sweep' | 'operate';

export interface Job {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly lanes: readonly Lane[];
}

/** Its parts, wired as the module wires them, without Nest. */
export class Process {
  private constructor(
    private readonly runtime: IdempotentMqRuntime,
    private readonly consumers: Consumers,
  ) {}

  static async start({ name, roles, lanes }: Job, world: World): Promise<Process> {
    const { business, shape, simulation, record, variant } = world;
    const broker = () => runtime.broker!;
    const options = resolveOptions(optionsFor(roles, world, broker), business.dataSource);
    const runtime: IdempotentMqRuntime = await IdempotentMqRuntime.open(business.dataSource, options, CALLER);
    runtime.events.events$.subscribe((event) => {
      simulation.faults.count(`event: ${event.type}`);
      if (event.type === 'consuming') record.subscribed(event.group, simulation.now);
    });
    const { transport, scenarios, sources, contracts, dedups, events, caller, publisher } = runtime;
    const deps = { ...runtime.scopeDeps(), transport, scenarios, sources, contracts, dedups, events, caller };
    const consumers = new Consumers(transport, deps, {
      pollMs: options.pollMs,
      busyPollMs: options.busyPollMs,
      maxLostLeases: options.maxLostLeases,
      prefetch: 3,
      warn: () => undefined,
    });
    if (shape === 2) variant?.instance?.(runtime.broker!);
    const desk = variant?.consumer
      ? new variant.consumer({ name }, business.dataSource)
      : new Desk(simulation, publisher, HANDLER_MS);
    const found = roles.includes('consume') ? handlersOf(desk, options.consumers) : [];
    await consumers.start(found);
    if (roles.includes('relay')) runtime.relay?.start();
    if (roles.includes('sweep')) {
      runtime.broker!.startSweeping();
      if (variant?.forgetIn) variant.forgetIn(world);
      else runtime.forgetting.start();
      for (const each of runtime.watching) each.start();
    }
    if (roles.includes('operate')) void operate(runtime.broker!, world);
    const parts = {
      simulation,
      record,
      dataSource: business.dataSource,
      outbox: publisher,
      withKeys: !variant?.withoutKeys,
    };
    for (const lane of lanes) void pay(lane, parts);
    return new Process(runtime, consumers);
  }

  /** As Nest shuts an app down. */
  async stop(): Promise<void> {
    const { relay, executing } = this.runtime;
    await Promise.all([
      relay?.stop(SHUTDOWN_MS),
      this.consumers.stop(SHUTDOWN_MS),
      executing.stop(SHUTDOWN_MS),
    ]);
    await this.runtime.close();
  }
}

/** Nest's pipes and interceptors are left out. */
const CALLER = {
  call: async (consumer, payload, delivery) =>
    consumer.method.call(consumer.instance, payload as never, delivery as never),
} as Pick<HandlerCaller, 'call'> as HandlerCaller;

function handlersOf(desk: object, defaults: Parameters<typeof discoverConsumers>[3]) {
  const wrapper = {
    instance: desk,
    metatype: desk.constructor,
    token: desk.constructor,
    isDependencyTreeStatic: () => true,
  };
  const discovery = { getProviders: () => [wrapper], getControllers: () => [] };
  return discoverConsumers(
    discovery as never,
    new MetadataScanner(),
    { name: undefined, instances: new Set([undefined]) },
    defaults,
  );
}

/** Somebody may stand before the broker, and the network before both. */
function wayTo({ business, broker, far, simulation, variant }: World, service: () => BrokerService) {
  const way = variant?.through?.({
    onSqlite: true,
    business: () => business.reached,
    broker: () => broker.reached,
  });
  return (near: Transport): Transport => {
    const nearest = way ? way(near) : near;
    if (far === 'database') return faultyPort(nearest, simulation, far);
    return askingAgain(faultyPort(claimingRepeatably(nearest, service), simulation, far), service);
  };
}

function optionsFor(roles: readonly Role[], world: World, service: () => BrokerService): IdempotentMqOptions {
  const { shape, broker, pollMs } = world;
  return {
    roles: {
      consume: roles.includes('consume'),
      relay: roles.includes('relay'),
      sweep: roles.includes('sweep'),
    },
    ...(shape === 2 && {
      broker: { dataSource: broker.dataSource, through: wayTo(world, service) },
    }),
    relay: { batch: 3, ackTimeoutMs: 2_000, pollMs, delayMs: 100, maxDelayMs: 2_000 },
    consumers: {
      concurrency: 2,
      leaseMs: LEASE_MS,
      timeoutMs: HANDLER_MS,
      pollMs,
      maxLostLeases: 3,
      retry: { attempts: 3, delayMs: 100, maxDelayMs: 1_000 },
    },
    statementTimeoutMs: 1_500,
    shutdownTimeoutMs: SHUTDOWN_MS,
    durability: 'warn',
    sqlite: { writeWaitMs: 2_000 },
    retention: {
      slackMs: SLACK_MS,
      innerMsgIdWindowMs: WINDOW_MS,
      dedupMs: RETENTION_MS,
      // An operator looks after these, however long the others sleep.
      deadLetterMs: 10_000 * DAY_MS,
      quarantineMs: 10_000 * DAY_MS,
      unroutedMs: UNROUTED_MS,
    },
  };
}
