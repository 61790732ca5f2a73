import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What the specs of the documentation read of it. Paths are relative to the project's root, where Jest runs. */

export const read = (path: string): string => readFileSync(path, 'utf8');

/** Every file below a folder, as paths from the project's root. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Every document of the project that is written for people. */
export const documents = (): string[] => [
  'README.md',
  'README-zh-CN.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...filesBelow('docs').filter((path) => path.endsWith('.md')),
];

/** The fenced blocks of one language, without their fences. */
export function codeBlocks(markdown: string, language: string): string[] {
  const blocks = markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...blocks].filter(([, of]) => of === language).map(([, , text]) => text!);
}

export function withoutCode(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
}

/** The cells of the table under a heading, row by row, without its header; Markdown's marks for code are taken off. */
export function tableUnder(markdown: string, heading: string): string[][] {
  const section = markdown.split(`\n${heading}\n`)[1]?.split(/^#{1,6} /m)[0];
  if (section === undefined) throw new Error(`there is no heading "${heading}"`);
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows
    .slice(2)
    .map((row) => cellsOf(row).map((cell) => cell.replaceAll('`', '').replaceAll('\\|', '|')));
}

/** The cells of one line of a table, as they are written. */
export function cellsOf(row: string): string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The anchor of a heading: the one that it is given, as those of a translation are, or GitHub's. */
export function anchorOf(heading: string): string {
  const [, given] = /<a id="([^"]+)"><\/a>/.exec(heading) ?? [];
  if (given !== undefined) return given;
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
  return text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- _]/gu, '')
    .replaceAll(' ', '-');
}
