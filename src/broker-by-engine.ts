import type { BrokerService } from './broker/index.js';
import { CapabilityMissingError } from './errors/index.js';
import { type EngineTransport, engineTransport } from './transport/engine/engine.transport.js';
import type { BrokerByEngine, MessageEngine } from './transport/engine/port.js';
import { localTransport } from './transport/local.transport.js';

/** An engine in the broker's place, as this process reaches it. What was set aside is in the tables of its own database. */
export class BrokerOnEngine {
  readonly engine: MessageEngine;

  constructor(
    given: BrokerByEngine,
    private readonly warn: (line: string) => void,
  ) {
    this.engine = given.engine();
  }

  /** For messages. */
  get name(): string {
    return this.engine.name;
  }

  /** @returns whether it could be reached */
  tryToOpen(): Promise<boolean> {
    return this.engine.open({ warn: this.warn });
  }

  /** @param aside the broker on the tables of the app's own database */
  transport(aside: BrokerService, windowMs: number): EngineTransport {
    const setAside: Parameters<typeof engineTransport>[0]['setAside'] = (delivery, to) =>
      aside.setAside(delivery, to);
    return engineTransport({
      engine: this.engine,
      local: localTransport(aside),
      setAside,
      isSubscribed: (id) => aside.hasSubscription(id),
      windowMs,
      warn: this.warn,
    });
  }
}

/** What of a BrokerService is for operators, where an engine has most of the messages: what was set aside, and the groups. */
export function operatedEngine(aside: BrokerService, { engine, name }: BrokerOnEngine): BrokerService {
  const missing = (used: string, capability: string, instead: string) => async (): Promise<never> => {
    throw new CapabilityMissingError(used, capability, name, instead);
  };
  const limit = (call: string) =>
    missing(
      `groups.${call}()`,
      'limitsGroups',
      'Stop the processes that consume the group, or lower their concurrency.',
    );
  const keeps = (call: string) =>
    missing(
      `quarantine.${call}()`,
      'quarantines',
      'Nothing is ever kept aside there: a repeat is absorbed by its biz-id.',
    );
  const operated: BrokerService = Object.create(aside, {
    groups: {
      value: engine.capabilities.limitsGroups
        ? aside.groups
        : {
            list: () => aside.groups.list(),
            pause: limit('pause'),
            resume: limit('resume'),
            limit: limit('limit'),
          },
    },
    quarantine: {
      value: engine.capabilities.quarantines
        ? aside.quarantine
        : { list: keeps('list'), get: keeps('get'), release: keeps('release'), discard: keeps('discard') },
    },
    removeSubscription: {
      // The engine last: what it still has must not come to a group that is there, and it may be repeated.
      value: async (request: Parameters<BrokerService['removeSubscription']>[0]) => {
        const removed = await aside.removeSubscription(request);
        const { topic, group } = request;
        await engine.unsubscribe({ topic, group });
        return removed;
      },
    },
  }) as BrokerService;
  return operated;
}
