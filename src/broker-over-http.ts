import type { BrokerService } from './broker/index.js';
import {
  AckTimeoutError,
  BrokerRefusedError,
  BrokerUnreachableError,
  ConfigurationError,
  InvalidOptionError,
} from './errors/index.js';
import type { BrokerByUrl } from './options/broker.options.js';
import { HttpRequests } from './transport/http/http-requests.js';
import { type HttpTransport, httpTransport } from './transport/http/http.transport.js';
import type { AdminCall } from './wire/index.js';

/** A broker that is a service of its own, as this process reaches it. */
export class BrokerOverHttp {
  readonly transport: HttpTransport;
  readonly requests: HttpRequests;

  /** @param ackTimeoutMs how long a shipment may take to be acknowledged, where that is not the usual time */
  constructor({ url, token, timeoutMs = 5_000 }: BrokerByUrl, ackTimeoutMs?: number) {
    this.requests = new HttpRequests({ url, token, timeoutMs });
    this.transport = httpTransport(this.requests, { timeoutMs, ackTimeoutMs });
  }

  /** For messages. */
  get name(): string {
    return this.requests.name;
  }

  /**
   * @returns whether it could be reached
   * @throws BrokerRefusedError where it is no broker, or does not know the token
   */
  async tryToOpen(): Promise<boolean> {
    try {
      await this.requests.ask('identify', {});
      return true;
    } catch (error) {
      if (error instanceof BrokerUnreachableError || error instanceof AckTimeoutError) return false;
      // What fails within it may be over in a moment, as when it is away.
      if (error instanceof BrokerRefusedError && error.problem === 'INTERNAL') return false;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.transport.close();
  }
}

/** What of a BrokerService is for operators, at a service: with a token that may administer. */
export function remoteBroker({ requests, name }: BrokerOverHttp): BrokerService {
  const call =
    (call: AdminCall): RemoteMethod =>
    async (...given: unknown[]): Promise<unknown> =>
      withDates(
        (await requests.ask('administer', { call, arguments: checked(call, given) }, ADMINISTERING)).result,
      );
  const operated: Operated = {
    topics: call('topics'),
    removeSubscription: call('removeSubscription'),
    groups: {
      list: call('groups.list'),
      pause: call('groups.pause'),
      resume: call('groups.resume'),
      limit: call('groups.limit'),
    },
    deadLetters: {
      list: call('deadLetters.list'),
      get: call('deadLetters.get'),
      requeue: call('deadLetters.requeue'),
      purge: call('deadLetters.purge'),
    },
    quarantine: {
      list: call('quarantine.list'),
      get: call('quarantine.get'),
      release: call('quarantine.release'),
      discard: call('quarantine.discard'),
    },
    async sweep() {
      throw new ConfigurationError(`The broker is a service (${name}), which sweeps by itself.`);
    },
  };
  return operated as unknown as BrokerService;
}

/** Many dead letters take their time. Milliseconds. */
const ADMINISTERING = { within: 60_000 };

/** JSON would make null of what is no finite number, and null takes a limit away. */
function checked(call: string, given: readonly unknown[]): unknown[] {
  const refuse = (value: unknown): void => {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new InvalidOptionError(call, value, 'called with finite numbers');
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(refuse);
  };
  given.forEach(refuse);
  return given.slice(0, given.findLastIndex((one) => one !== undefined) + 1);
}

type RemoteMethod = (...given: unknown[]) => Promise<unknown>;
type Room = AdminCall extends infer Call ? (Call extends `${infer Name}.${string}` ? Name : never) : never;
type MethodsOf<Name extends Room> = AdminCall extends infer Call
  ? Call extends `${Name}.${infer Method}`
    ? Method
    : never
  : never;
/** Each call has its method, or this does not compile. */
type Operated = { [Name in Room]: Record<MethodsOf<Name>, RemoteMethod> } & Record<
  Exclude<AdminCall, `${string}.${string}`> | 'sweep',
  RemoteMethod
>;

const DATES = ['deadAt', 'landedAt', 'quarantinedAt'];

/** As the local methods answer: with Dates where JSON has texts. */
function withDates(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withDates);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      DATES.includes(key) && typeof one === 'string' ? new Date(one) : withDates(one),
    ]),
  );
}
