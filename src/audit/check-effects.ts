import {
  type ColumnValue,
  type LibraryConnections,
  type EffectColumn,
  countEffectsOf,
  countEffectsUpTo,
  findBatchEnd,
  findKnownBizIds,
  findScenario,
  hasMoreRows,
  isIndexed,
  judgeDedup,
} from '../storage/index.js';
import { ConfigurationError, describeError } from '../errors/index.js';
import { type Check, BATCH } from './check.js';
import { dedupOf } from './check-dedup.js';
import type { Finding } from './finding.js';

/** A table of the business in which each biz-id of a scenario has one row. */
export interface EffectTable {
  /** Quoted names, as they stand in a statement. */
  column: EffectColumn;
  /** For people. */
  name: string;
  schema: string | undefined;
  table: string;
  columnName: string;
  /** As the table of scenarios has it. */
  scenario: string;
}

/** Without an index each batch reads all of the table; up to so many rows that is no harm. */
const ROWS_WITHOUT_INDEX = 20_000;

/** Each dedup row of the scenario has its effect, once; and as long as nothing was forgotten, no effect is without one. */
export async function effectChecks(
  receiver: LibraryConnections,
  effects: EffectTable,
): Promise<Check<Buffer>[]> {
  const scenario = await receiver.control((on) => findScenario(receiver.database, on, effects.scenario));
  if (!scenario) throw new ConfigurationError(`There is no scenario ${JSON.stringify(effects.scenario)}.`);
  await refuseUnreadable(receiver, effects);
  await refuseUnindexed(receiver, effects);
  return [missingEffectCheck(receiver, effects, scenario.id), effectRowCheck(receiver, effects, scenario.id)];
}

/** There is no such table or column, or the database's user may not read it. */
const UNREADABLE = [
  'ER_NO_SUCH_TABLE',
  'ER_BAD_FIELD_ERROR',
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'SQLITE_ERROR',
  // PostgreSQL: no such table, no such column, not allowed.
  '42P01',
  '42703',
  '42501',
];

async function refuseUnreadable(
  receiver: LibraryConnections,
  { column, name, columnName }: EffectTable,
): Promise<void> {
  try {
    await receiver.control((on) =>
      findBatchEnd(receiver.database.dialect, on, column, { after: undefined, limit: 1 }),
    );
  } catch (cause) {
    if (!UNREADABLE.includes(String((cause as { code?: unknown }).code))) throw cause;
    throw new ConfigurationError(`${name}.${columnName} can't be read: ${describeError(cause)}.`, { cause });
  }
}

async function refuseUnindexed(receiver: LibraryConnections, effects: EffectTable): Promise<void> {
  const { dialect } = receiver.database;
  const { name, schema, table, columnName: column } = effects;
  if (!(await receiver.control((on) => hasMoreRows(on, effects.column.table, ROWS_WITHOUT_INDEX)))) return;
  if (await receiver.control((on) => isIndexed(dialect, on, { schema, table, column }))) return;
  throw new ConfigurationError(
    `No index of ${name} begins with ${column}, and it has more than ${ROWS_WITHOUT_INDEX} rows: the audit would read all of them for each ${BATCH}. Make one.`,
  );
}

/** First the dedup row is read and then its effect, which was committed with it. */
function missingEffectCheck(
  receiver: LibraryConnections,
  { column, name }: EffectTable,
  scenarioId: number,
): Check<Buffer> {
  const { database } = receiver;
  return {
    batches: () => dedupOf(receiver, scenarioId),
    judge: async ({ keys }) => {
      const rows = await receiver.control((on) => judgeDedup(database, on, { scenarioId, bizIds: keys }));
      // One that is torn is told of as such.
      const done = rows.filter(({ unfinished }) => !unfinished).map(({ bizId }) => bizId);
      if (done.length === 0) return [];
      const effects = await receiver.control((on) => countEffectsOf(database.dialect, on, column, done));
      const there = new Set(effects.map(({ bizId }) => bizId.toString('hex')));
      return done
        .filter((bizId) => !there.has(bizId.toString('hex')))
        .map((bizId) => ({
          at: bizId,
          finding: {
            kind: 'effect-missing',
            table: database.tableNames.dedup,
            key: { scenario_id: scenarioId, biz_id: bizId },
            bizId,
            detail: `none in ${name}`,
          },
        }));
    },
  };
}

/** From the side of the effects: each biz-id has one row, and a dedup row, as long as nothing was forgotten. */
function effectRowCheck(
  receiver: LibraryConnections,
  { column, name, scenario, columnName }: EffectTable,
  scenarioId: number,
): Check<Buffer> {
  const { database } = receiver;
  return {
    async *batches() {
      let after: ColumnValue | undefined;
      for (;;) {
        const behind = { after, limit: BATCH };
        const last = await receiver.control((on) => findBatchEnd(database.dialect, on, column, behind));
        if (last === undefined) return;
        if (!isColumnValue(last)) {
          throw new ConfigurationError(`${name}.${columnName} must hold text, bytes or whole numbers.`);
        }
        const range = { after, last };
        const counts = await receiver.control((on) => countEffectsUpTo(database.dialect, on, column, range));
        yield { within: 0, keys: counts.map(({ bizId }) => bizId) };
        after = last;
      }
    },
    judge: async ({ keys }) => {
      const counts = await receiver.control((on) => countEffectsOf(database.dialect, on, column, keys));
      const unknown = await unknownOf(receiver, { scenario, scenarioId }, counts);
      return counts.flatMap(({ bizId, rows }) => {
        const about = { table: name, key: { [columnName]: bizId }, bizId };
        const findings: Finding[] = [];
        if (rows > 1) findings.push({ ...about, kind: 'effect-doubled', detail: `${rows} rows` });
        if (unknown.has(bizId.toString('hex'))) findings.push({ ...about, kind: 'dedup-missing' });
        return findings.map((finding) => ({ at: bizId, finding }));
      });
    },
  };
}

/**
 * Biz-ids without a dedup row, in hexadecimal digits; none once anything of the scenario was forgotten. The mark is read
 * last: it is committed before a row goes.
 */
async function unknownOf(
  receiver: LibraryConnections,
  { scenario, scenarioId }: { scenario: string; scenarioId: number },
  effects: readonly { bizId: Buffer }[],
): Promise<Set<string>> {
  if (effects.length === 0) return new Set();
  const { database } = receiver;
  const bizIds = effects.map(({ bizId }) => bizId);
  const known = await receiver.control((on) => findKnownBizIds(database, on, { scenarioId, bizIds }));
  const now = await receiver.control((on) => findScenario(database, on, scenario));
  if (now?.mark !== undefined) return new Set();
  const unknown = new Set(bizIds.map((bizId) => bizId.toString('hex')));
  for (const bizId of known) unknown.delete(bizId.toString('hex'));
  return unknown;
}

function isColumnValue(value: unknown): value is ColumnValue {
  return Buffer.isBuffer(value) || ['string', 'number', 'bigint'].includes(typeof value);
}
