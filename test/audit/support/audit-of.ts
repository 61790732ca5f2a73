import { DataSource } from 'typeorm';
import {
  type AuditOptions,
  type AuditReport,
  type EffectTable,
  type Finding,
  allChecks,
  audit,
} from '../../../src/audit/index.js';
import {
  type LibraryConnections,
  databaseOf,
  makeSqliteSafe,
  openConnections,
} from '../../../src/storage/index.js';
import { cardsOf } from './cards-table.js';
import type { Engine, TestDatabase } from '../../support/engines.js';

/** An audit as the command line makes it, without its waits. */
export class Auditor {
  static async open(business: TestDatabase, broker: TestDatabase): Promise<Auditor> {
    const own = await connect(business);
    return new Auditor(business.engine, own, broker === business ? own : await connect(broker));
  }

  private constructor(
    private readonly engine: Engine,
    private readonly business: Connected,
    private readonly broker: Connected,
  ) {}

  async audit(options: Partial<AuditOptions> & { effects?: EffectTable | undefined } = {}) {
    const { effects = cardsOf('cards', this.engine), ...others } = options;
    const checks = await allChecks({
      business: this.business.connections,
      broker: this.broker.connections,
      effects,
    });
    return audit(checks, {
      limit: 20,
      settleMs: 0,
      patienceMs: 0,
      pause: async () => undefined,
      ...others,
    });
  }

  async close(): Promise<void> {
    for (const { connections, dataSource } of new Set([this.business, this.broker])) {
      await connections.close();
      await dataSource.destroy();
    }
  }
}

/** `kind table`, sorted, with the biz-id where there is one. */
export function told(report: AuditReport): string[] {
  return [...report.found.values()].flatMap(({ findings }) => findings.map(inShort)).sort();
}

function inShort({ kind, table, bizId }: Finding): string {
  return [kind, table, ...(bizId ? [bizId.toString()] : [])].join(' ');
}

interface Connected {
  dataSource: DataSource;
  connections: LibraryConnections;
}

async function connect({ engine, options }: TestDatabase): Promise<Connected> {
  const dataSource = new DataSource({ ...options, entities: [] });
  if (engine === 'sqlite') makeSqliteSafe(dataSource);
  await dataSource.initialize();
  const connections = await openConnections(dataSource, databaseOf(dataSource), {
    scopeConnections: 1,
    controlConnections: 1,
    statementTimeoutMs: 15_000,
    writeWaitMs: 10_000,
    idleTimeoutSeconds: 60,
  });
  return { dataSource, connections };
}

/** Texts as bytes: on SQLite no text equals a key. */
export function bytes(sql: string): string {
  return sql.replace(/X'[^']*'|'([^']*)'/g, (literal, text?: string) =>
    text === undefined ? literal : `X'${Buffer.from(text).toString('hex')}'`,
  );
}
