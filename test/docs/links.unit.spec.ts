import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { anchorOf, documents, read, withoutCode } from './markdown.js';

/** The documents refer to files and headings; each of these is there. */
describe.each(documents())('%s', (path) => {
  const markdown = read(path);
  const targets = [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);

  it('links to files that exist and to headings that they have', () => {
    const broken = targets.filter((target) => !resolves(path, target));
    expect(broken).toEqual([]);
  });

  it('names no file in its text that is not there', () => {
    const named = markdown.matchAll(/`((?:src|test|examples|docs|scripts)\/[\w./-]+)`/g);
    const missing = [...named].map(([, file]) => file!).filter((file) => !existsSync(file));
    expect(missing).toEqual([]);
  });
});

function resolves(from: string, target: string): boolean {
  if (/^https?:/.test(target)) return true;
  const [file, anchor] = target.split('#') as [string, string | undefined];
  const path = file === '' ? from : join(dirname(from), file);
  if (!existsSync(path)) return false;
  if (anchor === undefined) return true;
  if (statSync(path).isDirectory()) return false;
  const headings = [...read(path).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
  return headings.includes(anchor);
}
