import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
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

/** What an error or a comment sends its reader to. */
describe('the sources', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: name, text: readFileSync(join('src', name), 'utf8') }));

  it('name documents and headings that are there', () => {
    const named = files.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(docs\/[\w/-]+\.md(?:#[\w-]+)?)/g)].map(([, target]) => ({
        path,
        target: target!,
      })),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ target }) => !resolves('README.md', target))).toEqual([]);
  });

  it('name headings by their words where there are such', () => {
    const named = files.flatMap(({ path, text }) =>
      [...text.matchAll(/\b(docs\/[\w/-]+\.md), "?([A-Z][\w ]+?)["\n.;:]/g)].map(([, doc, heading]) => ({
        path,
        target: `${doc}#${anchorOf(heading!)}`,
      })),
    );
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter(({ target }) => !resolves('README.md', target))).toEqual([]);
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
