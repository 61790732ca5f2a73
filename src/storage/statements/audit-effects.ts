import { type Connection, placeholders, read } from '../execute.js';
import type { Dialect } from '../dialect.js';

/** What an audit asks of a table of the business: which biz-ids its rows have. Along an index on that column, without locks. */

export interface EffectColumn {
  /** Quoted names. */
  table: string;
  column: string;
}

/** As it comes from the driver, and goes back to it. */
export type ColumnValue = string | number | bigint | Buffer;

/** The value at the end of the next batch of rows; undefined: there is none. */
export async function findBatchEnd(
  { engine }: Dialect,
  on: Connection,
  { table, column }: EffectColumn,
  { after, limit }: { after: ColumnValue | undefined; limit: number },
): Promise<unknown> {
  const behind = after === undefined ? `${column} IS NOT NULL` : `${column} > ?`;
  const batch = `(SELECT ${column} AS v FROM ${table} WHERE ${behind} ORDER BY ${column} LIMIT ${limit}) x`;
  const values = after === undefined ? [] : [after];
  if (engine === 'postgres') {
    // It has no greatest of uuids, nor of bytes. What the driver can't tell exactly comes as text.
    const [end] = await read<{ last: unknown }>(
      on,
      `SELECT v AS last FROM ${batch} ORDER BY v DESC LIMIT 1`,
      values,
    );
    return end?.last ?? undefined;
  }
  const [row] = await read<{ last: unknown }>(on, `SELECT MAX(v) AS last FROM ${batch}`, values);
  const last = row?.last ?? undefined;
  if (typeof last !== 'number' || !Number.isInteger(last) || Number.isSafeInteger(last)) return last;
  // The driver has rounded it, down as well: behind that come the same rows again, and again.
  const [exact] = await read<{ last: string }>(
    on,
    `SELECT CAST(MAX(v) AS CHAR) AS last FROM ${batch}`,
    values,
  );
  return exact && /^-?\d+$/.test(exact.last) ? BigInt(exact.last) : last;
}

export interface EffectCount {
  bizId: Buffer;
  rows: number;
}

/**
 * How many rows each biz-id has from behind `after` to `last`. Told apart byte by byte: what a collation takes for equal
 * are two biz-ids.
 */
export async function countEffectsUpTo(
  dialect: Dialect,
  on: Connection,
  { table, column }: EffectColumn,
  { after, last }: { after: ColumnValue | undefined; last: ColumnValue },
): Promise<EffectCount[]> {
  const behind = after === undefined ? '' : ` AND ${column} > ?`;
  return count(
    on,
    `SELECT ${hexOf(dialect, column)} AS biz, COUNT(*) AS n FROM ${table} WHERE ${column} <= ?${behind} GROUP BY 1`,
    after === undefined ? [last] : [last, after],
  );
}

/** How many rows these biz-ids have. */
export async function countEffectsOf(
  dialect: Dialect,
  on: Connection,
  { table, column }: EffectColumn,
  bizIds: readonly Buffer[],
): Promise<EffectCount[]> {
  const { compared, values } = await comparison(dialect, on, { table, column }, bizIds);
  if (values.length === 0) return [];
  return count(
    on,
    `SELECT ${hexOf(dialect, column)} AS biz, COUNT(*) AS n FROM ${table}
     WHERE ${compared} IN (${placeholders(values.length)}) GROUP BY 1`,
    values,
  );
}

/** Whether the table has more rows than these. */
export async function hasMoreRows(on: Connection, table: string, rows: number): Promise<boolean> {
  return (await read(on, `SELECT 1 AS more FROM ${table} LIMIT 1 OFFSET ${rows}`, [])).length === 1;
}

/** Whether an index begins with the column. */
export async function isIndexed(
  dialect: Dialect,
  on: Connection,
  { schema, table, column }: { schema: string | undefined; table: string; column: string },
): Promise<boolean> {
  if (dialect.engine === 'postgres') {
    const rows = await read(
      on,
      `SELECT 1 AS found FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
       WHERE c.relname = ? AND a.attname = ? AND i.indpred IS NULL AND i.indisvalid
         AND c.relnamespace = COALESCE(?::text, current_schema())::regnamespace LIMIT 1`,
      [table, column, schema ?? null],
    );
    return rows.length > 0;
  }
  const rows =
    dialect.engine === 'sqlite'
      ? await read(
          on,
          `SELECT 1 AS found FROM pragma_index_list(?${schema === undefined ? '' : ', ?'}) l JOIN pragma_index_info(l.name${schema === undefined ? '' : ', ?'}) i
           WHERE i.seqno = 0 AND lower(i.name) = lower(?) AND l.partial = 0
           UNION ALL SELECT 1 FROM pragma_table_info(?${schema === undefined ? '' : ', ?'}) c WHERE c.pk = 1 AND lower(c.name) = lower(?)`,
          schema === undefined
            ? [table, column, table, column]
            : [table, schema, schema, column, table, schema, column],
        )
      : await read(
          on,
          `SELECT 1 AS found FROM information_schema.STATISTICS
           WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND COLUMN_NAME = ? AND SEQ_IN_INDEX = 1 LIMIT 1`,
          [schema ?? null, table, column],
        );
  return rows.length > 0;
}

/** Of the types that PostgreSQL keeps apart: what of the biz-ids a column of it can hold, and how it is asked for it. */
const COMPARABLE: Record<string, (bizId: Buffer) => string | Buffer | undefined> = {
  text: (bizId) => (bizId.includes(0) ? undefined : bizId.toString()),
  bytea: (bizId) => bizId,
  uuid: (bizId) => onlyIf(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, bizId),
  integer: (bizId) => onlyIf(/^-?(?:0|[1-9]\d{0,8})$/, bizId),
  bigint: (bizId) => onlyIf(/^-?(?:0|[1-9]\d{0,17})$/, bizId),
};
Object.assign(COMPARABLE, { 'character varying': COMPARABLE.text, character: COMPARABLE.text });

function onlyIf(form: RegExp, bizId: Buffer): string | undefined {
  const text = bizId.toString();
  return form.test(text) ? text : undefined;
}

/** Whatever else it is, is compared as text, which takes no index. */
async function comparison(
  { engine }: Dialect,
  on: Connection,
  { table, column }: EffectColumn,
  bizIds: readonly Buffer[],
): Promise<{ compared: string; values: unknown[] }> {
  const texts = () => bizIds.map((bizId) => bizId.toString());
  if (engine === 'mysql') return { compared: column, values: texts() };
  // SQLite: a BLOB never equals a text.
  if (engine === 'sqlite') return { compared: column, values: [...texts(), ...bizIds] };
  const [row] = await read<{ type: string }>(
    on,
    `SELECT pg_typeof(${column})::text AS type FROM ${table} LIMIT 1`,
    [],
  );
  const known = COMPARABLE[row?.type ?? ''];
  const values = bizIds.flatMap((bizId) => (known ?? COMPARABLE.text!)(bizId) ?? []);
  return { compared: known ? column : `${column}::text`, values };
}

async function count(on: Connection, sql: string, values: unknown[]): Promise<EffectCount[]> {
  const rows = await read<{ biz: string | Buffer; n: number | string }>(on, sql, values);
  return rows.map(({ biz, n }) => ({ bizId: Buffer.from(String(biz), 'hex'), rows: Number(n) }));
}

/** The bytes of the value as a biz-id has them: text in UTF-8, and numbers in digits. */
function hexOf({ engine }: Dialect, column: string): string {
  if (engine === 'postgres') {
    return `CASE WHEN pg_typeof(${column}) = 'bytea'::regtype THEN substr(${column}::text, 3)
                 ELSE encode(convert_to(${column}::text, 'UTF8'), 'hex') END`;
  }
  return engine === 'sqlite' ? `hex(CAST(${column} AS BLOB))` : `HEX(CONVERT(${column} USING utf8mb4))`;
}
