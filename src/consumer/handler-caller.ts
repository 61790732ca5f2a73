import { AsyncLocalStorage } from 'node:async_hooks';
import { ContextIdFactory, type ExternalContextCreator, type ModuleRef } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { ConfigurationError, HandlerCalledTwiceError, HandlerNotCalledError } from '../errors/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { PARAMETERS_METADATA, parametersFactory } from './handler-parameters.js';

/** Passed to guards, interceptors and pipes as the context's type. */
export const CONTEXT_TYPE = 'idempotent-mq';

type Call = (payload: unknown, delivery: unknown) => Promise<unknown>;

/** What the handler itself does, whatever interceptors make of it. */
interface CallRecord {
  readonly delivery: object;
  readonly runs: Promise<unknown>[];
  isOver: boolean;
}

/** Of the call that the running code is in. */
const records = new AsyncLocalStorage<CallRecord>();

/**
 * Calls a handler through Nest's pipes and interceptors. Only the handler's own outcome counts: an interceptor that
 * swallows its error would otherwise have a failed message acknowledged. Exception filters never apply, for that reason.
 */
export class HandlerCaller {
  private readonly staticCalls = new Map<DiscoveredConsumer, Call>();

  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly moduleRef: ModuleRef,
  ) {
    // At start: later it would count as a failure of each handler.
    withoutGlobalInterceptors(contexts);
  }

  /**
   * @returns what the handler returned
   * @throws what the handler threw; or what a pipe, guard or interceptor threw before it was called
   */
  async call(consumer: DiscoveredConsumer, payload: unknown, delivery: object): Promise<unknown> {
    const call = await this.callFor(consumer, payload, delivery);
    const record: CallRecord = { delivery, runs: [], isOver: false };
    let enhancers: { error: unknown } | undefined;
    try {
      await records.run(record, () => call(payload, delivery));
    } catch (error) {
      enhancers = { error };
    }
    const outcomes = await settledRuns(record);
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
    if (outcomes.length > 1) {
      throw new HandlerCalledTwiceError(
        `${consumer.name} was called ${outcomes.length} times in one delivery: an interceptor (retry?) must call it once.`,
      );
    }
    const [outcome] = outcomes;
    if (outcome?.status === 'fulfilled') return outcome.value;
    if (enhancers) throw enhancers.error;
    throw new HandlerNotCalledError(`${consumer.name} was not called: an interceptor answered in its place.`);
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
      this.recorded(instance, consumer) as (...args: unknown[]) => unknown,
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
  private recorded(instance: object, { name, method }: DiscoveredConsumer) {
    const recorded = async (payload: never): Promise<unknown> => {
      const record = records.getStore();
      if (!record || record.isOver) {
        throw new HandlerNotCalledError(
          `${name} was not called: an interceptor came to it outside of its delivery, or after that had ended.`,
        );
      }
      const run = (async () => {
        const returned = await method.call(instance, payload, record.delivery as never);
        // Like Nest's own handlers, it may return an Observable: it is done when that is.
        return isObservable(returned) ? lastValueFrom(returned, { defaultValue: undefined }) : returned;
      })();
      record.runs.push(run);
      return run;
    };
    for (const key of Reflect.getMetadataKeys(method) as unknown[]) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, method), recorded);
    }
    Object.defineProperty(recorded, 'name', { value: method.name });
    return recorded;
  }
}

/** Waits for the handler itself: an interceptor may have answered, or lost patience, while it still runs. */
async function settledRuns(record: CallRecord): Promise<PromiseSettledResult<unknown>[]> {
  for (;;) {
    const runs = [...record.runs];
    const outcomes = await Promise.allSettled(runs);
    if (record.runs.length > runs.length) continue;
    record.isOver = true;
    return outcomes;
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
    throw new ConfigurationError(
      'This version of @nestjs/core keeps its global interceptors elsewhere than Nest 11 and 12 do. Use a supported version.',
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
