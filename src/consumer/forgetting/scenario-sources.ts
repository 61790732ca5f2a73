import {
  type Connection,
  type LibraryConnections,
  type ScenarioSource,
  findOtherScenario,
  findSource,
  findSourceOf,
  insertSource,
  listSources,
  lockScenario,
  readClock,
  setScenarioKind,
  setSourceCurrent,
  setSourceFormer,
} from '../../storage/index.js';
import type { Subscription, Transport } from '../../transport/port.js';
import type { Scenarios } from '../scenario.js';
import { byBrokersClock } from './watermark.js';

/** What tells one source from another. None of it changes. */
export type SourceIdentity = Pick<ScenarioSource, 'id' | 'broker' | 'topic' | 'group'>;

/**
 * Which subscriptions' messages each scenario judges: who forgets its rows has to ask all of them first, and a dedup row
 * says by the number of its source whose message it is of.
 */
export class ScenarioSources {
  private readonly own = new Map<string, SourceIdentity>();
  private readonly known = new Map<number, SourceIdentity>();

  constructor(
    private readonly connections: LibraryConnections,
    private readonly transport: Pick<Transport, 'identify'>,
    private readonly scenarios: Scenarios,
  ) {}

  /** Of a subscription that is registered for the scenario. */
  of(scenario: string, subscriptionId: number): SourceIdentity {
    const source = this.own.get(ownKey(scenario, subscriptionId));
    if (!source) throw new Error(`Subscription ${subscriptionId} is not registered for ${scenario}.`);
    return source;
  }

  /** Also a former one. Undefined for 0, where a dedup row is of no message, and when it was deleted by hand. */
  async find(id: number): Promise<SourceIdentity | undefined> {
    if (id === 0) return undefined;
    const { database } = this.connections;
    const source =
      this.known.get(id) ?? (await this.connections.control((on) => findSource(database, on, id)));
    if (source) this.known.set(id, source);
    return source;
  }

  /**
   * Before the consumer claims anything. What was forgotten already is forgotten for a source that comes later, too: it
   * starts with the scenario's mark, under the lock without which nobody raises that.
   *
   * @returns the scenario that has judged the same so far, where this one is new to it
   */
  async register(scenario: string, subscription: Subscription): Promise<string | undefined> {
    const { database } = this.connections;
    const scenarioId = await this.scenarios.idOf(scenario);
    const askedAt = await this.connections.control((on) => readClock(database, on));
    const { broker, now } = await this.transport.identify();
    const { source, formerScenario } = await this.connections.controlTransaction(async (on) => {
      const locked = await lockScenario(database, on, scenarioId);
      if (!locked) throw new Error(`The scenario ${scenario} was deleted by hand; start again.`);
      if (locked.kind !== 'consumer') await setScenarioKind(database, on, scenarioId, 'consumer');
      const mark = locked.mark === undefined ? undefined : byBrokersClock(locked.mark, askedAt, now);
      return this.ensure(on, scenarioId, { subscription, broker, mark });
    });
    this.own.set(ownKey(scenario, subscription.id), source);
    this.known.set(source.id, source);
    return formerScenario;
  }

  private async ensure(
    on: Connection,
    scenarioId: number,
    { subscription, broker, mark }: { subscription: Subscription; broker: Buffer; mark: number | undefined },
  ): Promise<{ source: SourceIdentity; formerScenario?: string | undefined }> {
    const { database } = this.connections;
    const { id: subscriptionId, topic, group } = subscription;
    const which = { broker, subscriptionId };
    const there = await findSourceOf(database, on, scenarioId, which);
    if (there && !there.former) return { source: there };
    const formerScenario = await findOtherScenario(database, on, scenarioId, { broker, topic, group });
    // A group that was removed and has come back has another number.
    for (const source of await listSources(database, on, scenarioId)) {
      const isOfGroup = source.topic === topic && source.group === group;
      if (isOfGroup && source.broker.equals(broker)) await setSourceFormer(database, on, source.id);
    }
    if (there) await setSourceCurrent(database, on, there.id, mark);
    else await insertSource(database, on, scenarioId, { ...which, topic, group, mark });
    const source = await findSourceOf(database, on, scenarioId, which);
    if (!source) throw new Error(`The source of ${group} was deleted by hand; start again.`);
    return { source, formerScenario };
  }
}

function ownKey(scenario: string, subscriptionId: number): string {
  return `${subscriptionId} ${scenario}`;
}
