import {
  type LibraryConnections,
  deleteSource,
  insertSource,
  listSources,
  lockScenario,
  readClock,
  setScenarioKind,
} from '../../storage/index.js';
import type { Subscription, Transport } from '../../transport/port.js';
import type { Scenarios } from '../scenario.js';
import { byBrokersClock } from './watermark.js';

/** Which subscriptions' messages each scenario judges: who forgets its rows has to ask all of them first. */
export class ScenarioSources {
  /** Set with the first registration, and the same for all: a process has one broker. */
  private brokerId: Buffer | undefined;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly transport: Pick<Transport, 'identify'>,
    private readonly scenarios: Scenarios,
  ) {}

  get broker(): Buffer {
    if (!this.brokerId) throw new Error('No source was registered yet.');
    return this.brokerId;
  }

  /**
   * Before the consumer claims anything. What was forgotten already is forgotten for a source that comes later, too: it
   * starts with the scenario's mark, under the lock without which nobody raises that.
   */
  async register(scenario: string, { id: subscriptionId, topic, group }: Subscription): Promise<void> {
    const { database } = this.connections;
    const scenarioId = await this.scenarios.idOf(scenario);
    const askedAt = await this.connections.control((on) => readClock(database, on));
    const { broker, now } = await this.transport.identify();
    this.brokerId = broker;
    await this.connections.controlTransaction(async (on) => {
      const locked = await lockScenario(database, on, scenarioId);
      if (!locked) throw new Error(`The scenario ${scenario} was deleted by hand; start again.`);
      if (locked.kind !== 'consumer') await setScenarioKind(database, on, scenarioId, 'consumer');
      const ofBroker = (await listSources(database, on, scenarioId)).filter((source) =>
        source.broker.equals(broker),
      );
      if (ofBroker.some((source) => source.subscriptionId === subscriptionId)) return;
      // A group that was removed and has come back has another number.
      for (const former of ofBroker.filter((source) => source.topic === topic && source.group === group))
        await deleteSource(database, on, scenarioId, former);
      const mark = locked.mark === undefined ? undefined : byBrokersClock(locked.mark, askedAt, now);
      await insertSource(database, on, scenarioId, { broker, subscriptionId, topic, group, mark });
    });
  }
}
