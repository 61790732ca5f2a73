import { createHash } from 'node:crypto';
import { cellsOf, withoutCode } from './markdown.js';
import { type Section, sectionsOf } from './sections.js';

/** A document and its translation say the same as long as this finds nothing. */

export interface Document {
  path: string;
  text: string;
}

/** A section in both languages, and the paths that they are of. */
interface Pair {
  original: Section;
  translated: Section;
  paths: { original: string; translated: string };
}

/** Where the two have drifted apart, each with what to do about it. */
export function driftOf(original: Document, translation: Document): string[] {
  const paths = { original: original.path, translated: translation.path };
  const from = sectionsOf(original.text);
  const to = sectionsOf(translation.text);
  const pairs = from.flatMap((section) => {
    const translated = to.find(({ anchor }) => anchor === section.anchor);
    return translated ? [{ original: section, translated, paths }] : [];
  });
  const unpaired = (section: Section) =>
    !pairs.some((pair) => pair.original === section || pair.translated === section);
  return [
    ...from
      .filter(unpaired)
      .map(
        ({ heading, anchor }) =>
          `${paths.translated} lacks the section "${heading}" of ${paths.original}: translate it, with <a id="${anchor}"></a> in its heading`,
      ),
    ...to
      .filter(unpaired)
      .map(
        ({ heading }) =>
          `${paths.original} has no section for "${heading}" of ${paths.translated}: remove it, or give its heading the anchor of the one that it translates`,
      ),
    ...orderDrift(pairs, to),
    ...pairs.flatMap((pair) =>
      CHECKS.flatMap((check) => check(pair)).map((what) => `${where(pair)}: ${what}`),
    ),
  ];
}

/** What a section of the original says. Its code is left out, which is compared with the translation's itself. */
export function fingerprintOf({ heading, body }: Section): string {
  const prose = `${heading}\n${withoutFences(body)}`;
  // How wide Prettier has made a table is of no concern.
  const text = prose.replace(/-{3,}/g, '---').replace(/\s+/g, ' ').trim();
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

const where = ({ original, translated, paths }: Pair) =>
  `"${original.heading}" of ${paths.original} and "${translated.heading}" of ${paths.translated}`;

function orderDrift(pairs: Pair[], to: Section[]): string[] {
  const paired = to.filter((section) => pairs.some(({ translated }) => translated === section));
  const moved = pairs.find(({ translated }, i) => translated !== paired[i]);
  return moved ? [`${where(moved)}: are not at the same place: put the sections into the same order`] : [];
}

const CHECKS: ((pair: Pair) => string[])[] = [
  levels,
  codeBlocks,
  links,
  tableShapes,
  codeInTables,
  codeInProse,
  fingerprint,
];

function levels({ original, translated }: Pair): string[] {
  if (original.level === translated.level) return [];
  return [`levels ${original.level} and ${translated.level}: give the headings the same`];
}

function codeBlocks({ original, translated }: Pair): string[] {
  const blocks = ({ body }: Section): string[] => body.match(FENCED) ?? [];
  const [from, to] = [blocks(original), blocks(translated)];
  if (from.length !== to.length) return [`${from.length} and ${to.length} blocks of code: copy them`];
  return from.flatMap((block, i) => (block === to[i] ? [] : [`block of code ${i + 1} differs: copy it`]));
}

/** In any order, since sentences of two languages have their own. */
function links({ original, translated, paths }: Pair): string[] {
  const targets = ({ body }: Section) =>
    [...withoutCode(body).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  // Each of the two links to the other.
  const from = targets(original).map((target) => (target === paths.translated ? paths.original : target));
  return difference('links', from, targets(translated));
}

function tableShapes({ original, translated }: Pair): string[] {
  const shapes = (section: Section) => tablesOf(section).map(shapeOf).join(', ') || 'none';
  const [from, to] = [shapes(original), shapes(translated)];
  return from === to ? [] : [`tables of ${from} and ${to} cells: give them the same rows and columns`];
}

/** A cell that is nothing but code, such as the name of an option or its default, needs no translation. */
function codeInTables({ original, translated }: Pair): string[] {
  const others = tablesOf(translated);
  return tablesOf(original).flatMap((table, t) =>
    table.flatMap((row, r) =>
      row.flatMap((cell, c) => {
        const other = others[t]?.[r]?.[c];
        const differs = /^`[^`]+`$/.test(cell) && other !== undefined && other !== cell;
        return differs ? [`a table has ${cell} and ${other}: copy the cell`] : [];
      }),
    ),
  );
}

/** Names and values that the text speaks of, however often. */
function codeInProse({ original, translated }: Pair): string[] {
  const names = ({ body }: Section) => [...new Set<string>(withoutFences(body).match(/`[^`\n]+`/g) ?? [])];
  return difference('code', names(original), names(translated));
}

function fingerprint({ original, translated, paths }: Pair): string[] {
  const note = `<!-- translated from ${paths.original} ${fingerprintOf(original)} -->`;
  if (translated.body.includes(note)) return [];
  return [
    `the first has changed since the second was translated: translate what changed, then put under its heading: ${note}`,
  ];
}

const FENCED = /^```[\s\S]*?^```$/gm;
const withoutFences = (markdown: string) => markdown.replace(FENCED, '');

/** Tables, rows, cells. */
function tablesOf({ body }: Section): string[][][] {
  const tables = withoutFences(body).match(/(?:^\|.*\n)+/gm) ?? [];
  return tables.map((table) => table.trim().split('\n').map(cellsOf));
}

/** Rows, with the line below the header, and columns; of several numbers where the rows differ. */
const shapeOf = (table: string[][]) =>
  `${table.length}×${[...new Set(table.map((row) => row.length))].join('/')}`;

function difference(what: string, from: string[], to: string[]): string[] {
  const missing = without(from, to);
  const added = without(to, from);
  return [
    ...(missing.length > 0 ? [`${what} that only the first has: ${missing.join(' ')}`] : []),
    ...(added.length > 0 ? [`${what} that only the second has: ${added.join(' ')}`] : []),
  ];
}

/** Each of the others takes one of its like away. */
function without(items: string[], others: string[]): string[] {
  const left = [...items];
  for (const other of others) {
    const at = left.indexOf(other);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}
