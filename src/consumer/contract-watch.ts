import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type ContractKey,
  type ContractRow,
  type LibraryConnections,
  insertContract,
  listContracts,
  lockScenario,
  readClock,
  setContractSeen,
} from '../storage/index.js';
import { contractOf } from '../topic/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { Scenarios } from './scenario.js';

const DAY_US = 24 * 60 * 60 * 1_000_000;
/**
 * So long two releases may start beside each other, as they do in a rolling deploy or with a canary, without anybody being
 * told of each start. Who comes back after that has changed it back.
 */
const SIDE_BY_SIDE_US = 7 * DAY_US;

type Contract = ReturnType<typeof contractOf>;

/**
 * Notices when the biz-ids of a scenario are read from bodies in another way than before. It compares the text of a
 * function, which is no proof of anything, so it only says so: once a change, over all processes.
 */
export class ContractWatch {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly scenarios: Scenarios,
    private readonly events: Pick<IdempotentMqEvents, 'emit'>,
  ) {}

  /** At start: one SELECT where nothing has changed. */
  async check({ scenario, topic, options }: DiscoveredConsumer): Promise<void> {
    const { database } = this.connections;
    const key = { scenarioId: await this.scenarios.idOf(scenario), topic: topic.name };
    const contract = contractOf(topic);
    const isKnown = await this.connections.control(async (on) => {
      const now = await readClock(database, on);
      return standing(await listContracts(database, on, key), contract, now) === 'noted';
    });
    if (isKnown) return;
    const former = await this.connections.controlTransaction((on) => this.note(on, key, contract));
    if (!former) return;
    this.events.emit({
      type: 'contract-changed',
      topic: topic.name,
      group: options.group,
      scenario,
      was: former.selector,
      now: contract.selector,
    });
  }

  /** Under the scenario's lock, so that of many processes that start together one is told. @returns what was replaced */
  private async note(on: Connection, key: ContractKey, contract: Contract): Promise<ContractRow | undefined> {
    const { database } = this.connections;
    await lockScenario(database, on, key.scenarioId);
    const now = await readClock(database, on);
    const rows = await listContracts(database, on, key);
    const stands = standing(rows, contract, now);
    if (stands === 'noted') return undefined;
    const seen = { ...contract, seenAt: now };
    if (rows.some(({ hash }) => hash.equals(contract.hash))) await setContractSeen(database, on, key, seen);
    else await insertContract(database, on, key, seen);
    const [former] = rows;
    if (stands === 'current' || !former) return undefined;
    // It was in force until now, however long ago its processes have started: those that still do are no change back.
    await setContractSeen(database, on, key, { hash: former.hash, seenAt: now - 1 });
    return former;
  }
}

/** `current` is to be noted anew, and `noted` was so within a day: a start need not write. */
function standing(
  rows: readonly ContractRow[],
  { hash }: Contract,
  now: number,
): 'noted' | 'current' | 'changed' {
  const own = rows.findIndex((row) => row.hash.equals(hash));
  if (own < 0) return 'changed';
  const age = now - rows[own]!.seenAt;
  if (own > 0 && age > SIDE_BY_SIDE_US) return 'changed';
  return age > DAY_US ? 'current' : 'noted';
}
