import { printable } from '../errors/index.js';
import type { AuditReport } from './audit.js';
import { type Finding, type FindingKind, FINDINGS } from './finding.js';

const DOCS = 'docs/operations.md#what-the-audit-names';
/** Of a key or a biz-id that is printed. */
const MOST_CHARACTERS = 200;

/** For people: one line for each row, kind by kind. */
export function inWords({ found, looked }: AuditReport): string {
  const kinds = kindsOf(found);
  if (kinds.length === 0) return `Nothing is wrong. ${looked} rows were looked at.`;
  const blocks = kinds.map((kind) => {
    const { count, findings } = found.get(kind)!;
    const [sort, meaning] = FINDINGS[kind];
    const more = count - findings.length;
    return [
      `${kind} (${sort}): ${count}. ${capitalised(meaning)}.`,
      ...findings.map((finding) => `  ${lineOf(finding)}`),
      ...(more > 0
        ? [findings.length > 0 ? `  and ${more} more` : '  none of them is named, with --limit 0']
        : []),
    ].join('\n');
  });
  return [...blocks, `What to do: ${DOCS}`].join('\n');
}

/** For programs. What is no UTF-8 is in hexadecimal digits. */
export function asJson({ found, looked }: AuditReport): string {
  const kinds = kindsOf(found).map((kind) => {
    const { count, findings } = found.get(kind)!;
    const [sort, meaning] = FINDINGS[kind];
    const rows = findings.map(({ table, key, bizId, detail }) => ({
      table,
      key: Object.fromEntries(Object.entries(key).map(([name, value]) => [name, plain(name, value)])),
      ...(bizId && { bizId: plain('biz_id', bizId) }),
      ...(detail !== undefined && { detail }),
    }));
    return { kind, sort, meaning, count, rows };
  });
  return JSON.stringify({ ok: kinds.length === 0, looked, found: kinds, docs: DOCS }, undefined, 2);
}

function lineOf({ table, key, bizId, detail }: Finding): string {
  const where = Object.entries(key).map(([name, value]) => `${name} ${printed(plain(name, value))}`);
  return [
    `${table} ${where.join(', ')}`,
    ...(bizId && key.biz_id === undefined ? [`biz-id ${printed(plain('biz_id', bizId))}`] : []),
    ...(detail === undefined ? [] : [printable(detail)]),
  ].join('; ');
}

function kindsOf(found: AuditReport['found']): FindingKind[] {
  return (Object.keys(FINDINGS) as FindingKind[]).filter((kind) => found.has(kind));
}

/** Ids are bytes, and all else is text, unless it is none. */
function plain(name: string, value: number | Buffer): number | string {
  if (typeof value === 'number') return value;
  const text = value.toString('utf8');
  const isText = name !== 'inner_msg_id' && Buffer.from(text).equals(value);
  return isText ? text : `0x${value.toString('hex')}`;
}

function printed(value: number | string): string {
  if (typeof value === 'number') return String(value);
  const cut = value.length > MOST_CHARACTERS ? `${value.slice(0, MOST_CHARACTERS)}…` : value;
  return printable(JSON.stringify(cut));
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
