import { AsyncLocalStorage } from 'node:async_hooks';
import { ContextIdFactory, type ExternalContextCreator, type ModuleRef } from '@nestjs/core';
import { HandlerCalledTwiceError, HandlerNotCalledError } from '../errors/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { PARAMETERS_METADATA, parametersFactory } from './handler-parameters.js';

/** Passed to guards, interceptors and pipes as the context's type. */
export const CONTEXT_TYPE = 'idempotent-mq';

type Call = (payload: unknown, delivery: unknown) => Promise<unknown>;

/** What the handler itself did, whatever interceptors make of it. */
interface CallRecord {
  calls: number;
  failure?: { error: unknown };
  returned?: unknown;
}

/**
 * Calls a handler through Nest's pipes and interceptors. Only the handler's own outcome counts: an interceptor that
 * swallows its error would otherwise have a failed message acknowledged. Exception filters never apply, for that reason.
 */
export class HandlerCaller {
  private readonly records = new AsyncLocalStorage<CallRecord>();
  private readonly staticCalls = new Map<DiscoveredConsumer, Call>();

  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly moduleRef: ModuleRef,
  ) {}

  /**
   * @returns what the handler returned
   * @throws what the handler threw; or what a pipe, guard or interceptor threw before it was called
   */
  async call(consumer: DiscoveredConsumer, payload: unknown, delivery: object): Promise<unknown> {
    const call = await this.callFor(consumer, payload, delivery);
    const record: CallRecord = { calls: 0 };
    let enhancers: { error: unknown } | undefined;
    try {
      await this.records.run(record, () => call(payload, delivery));
    } catch (error) {
      enhancers = { error };
    }
    if (record.failure) throw record.failure.error;
    if (record.calls > 1) {
      throw new HandlerCalledTwiceError(
        `${consumer.name} was called ${record.calls} times in one delivery: an interceptor (retry?) must call it once.`,
      );
    }
    if (record.calls === 0) {
      if (enhancers) throw enhancers.error;
      throw new HandlerNotCalledError(
        `${consumer.name} was not called: an interceptor answered in its place.`,
      );
    }
    return record.returned;
  }

  private async callFor(consumer: DiscoveredConsumer, payload: unknown, delivery: object): Promise<Call> {
    if (consumer.isStatic) {
      const known = this.staticCalls.get(consumer) ?? this.create(consumer, consumer.instance);
      this.staticCalls.set(consumer, known);
      return known;
    }
    // A provider of request scope: each delivery is a request of its own.
    const request = { payload, delivery };
    const contextId = ContextIdFactory.getByRequest(request);
    this.moduleRef.registerRequestByContextId(request, contextId);
    const instance = await this.moduleRef.resolve<object>(consumer.token, contextId, { strict: false });
    return this.create(consumer, instance, contextId);
  }

  private create(
    consumer: DiscoveredConsumer,
    instance: object,
    contextId?: ReturnType<typeof ContextIdFactory.create>,
  ): Call {
    const { guards = false, globalInterceptors = false } = consumer.options;
    const contexts = globalInterceptors ? this.contexts : withoutGlobalInterceptors(this.contexts);
    return contexts.create(
      instance,
      this.recorded(instance, consumer.method) as (...args: unknown[]) => unknown,
      consumer.methodName,
      PARAMETERS_METADATA,
      parametersFactory,
      contextId,
      undefined,
      { guards, interceptors: true, filters: false },
      CONTEXT_TYPE,
    ) as Call;
  }

  /** The method, noting what it does. Its metadata goes along: enhancers are looked for there. */
  private recorded(instance: object, method: (...args: never[]) => unknown) {
    const { records } = this;
    const recorded = async (...args: never[]): Promise<unknown> => {
      const record = records.getStore();
      if (record) record.calls++;
      try {
        const returned = await method.apply(instance, args);
        if (record) record.returned = returned;
        return returned;
      } catch (error) {
        if (record) record.failure ??= { error };
        throw error;
      }
    };
    for (const key of Reflect.getMetadataKeys(method) as unknown[]) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, method), recorded);
    }
    Object.defineProperty(recorded, 'name', { value: method.name });
    return recorded;
  }
}

const unglobal = new WeakMap<ExternalContextCreator, ExternalContextCreator>();

/**
 * The same creator without the interceptors that were registered globally: those are made for HTTP more often than not.
 * It relies on `interceptorsContextCreator.getGlobalMetadata`, as checked here.
 */
function withoutGlobalInterceptors(contexts: ExternalContextCreator): ExternalContextCreator {
  const known = unglobal.get(contexts);
  if (known) return known;
  const { interceptorsContextCreator } = contexts as unknown as { interceptorsContextCreator?: object };
  if (!interceptorsContextCreator || !('getGlobalMetadata' in interceptorsContextCreator)) {
    throw new HandlerNotCalledError(
      'This version of @nestjs/core keeps its global interceptors elsewhere than Nest 11 and 12 do. Set globalInterceptors: true on the consumers, or use a supported version.',
    );
  }
  const made = Object.create(contexts, {
    interceptorsContextCreator: {
      value: Object.create(interceptorsContextCreator, { getGlobalMetadata: { value: () => [] } }) as object,
    },
  }) as ExternalContextCreator;
  unglobal.set(contexts, made);
  return made;
}
