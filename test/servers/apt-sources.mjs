import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.mjs';

/**
 * @typedef {object} AptSource  One entry of the machine's apt sources.
 * @property {string[]} types
 * @property {string[]} uris
 * @property {string[]} suites
 * @property {string[]} components
 * @property {Record<string, string>} options  by lower-case deb822 name; the value as written, line breaks kept
 */

/**
 * The sources that apt itself would read, in both of its formats.
 *
 * @returns {Promise<AptSource[]>}
 */
export async function readAptSources() {
  const dirs = await run('apt-config', [
    'shell',
    'LIST',
    'Dir::Etc::sourcelist/f',
    'PARTS',
    'Dir::Etc::sourceparts/d',
  ]);
  const list = /^LIST='(.*)'$/m.exec(dirs)?.[1] ?? '/etc/apt/sources.list';
  const parts = /^PARTS='(.*)'$/m.exec(dirs)?.[1] ?? '/etc/apt/sources.list.d/';
  const names = (await readdir(parts).catch(() => [])).sort();
  const files = [
    list,
    ...names.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(parts, name)),
  ];
  const sources = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8').catch(() => '');
      return file.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text);
    }),
  );
  return sources.flat();
}

/**
 * `deb [signed-by=/path arch=amd64] http://mirror/debian bookworm main contrib`
 *
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseOneLine(text) {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match) return [];
    const [, type = '', bracket = '', uri = '', suite = '', components = ''] = match;
    const options = words(bracket).map((option) => {
      const [name = '', ...value] = option.split('=');
      return [name.replace(/[+-]$/, '').toLowerCase(), value.join('=').replaceAll(',', ' ')];
    });
    return [
      {
        types: [type],
        uris: [uri],
        suites: [suite],
        components: words(components),
        options: Object.fromEntries(options),
      },
    ];
  });
}

/**
 * Stanzas of `Name: value`, a value going on in the indented lines below; Signed-By may hold a whole key.
 *
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseDeb822(text) {
  const uncommented = text.replace(/^#.*\n?/gm, '');
  return uncommented.split(/\n\s*\n/).flatMap((stanza) => {
    const matches = stanza.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)/gm);
    const { types, uris, suites, components, enabled, ...options } = Object.fromEntries(
      [...matches].map(([, name = '', value = '']) => [name.toLowerCase(), value.trimEnd()]),
    );
    if (!types || !uris || !suites || /^(no|false|0)$/i.test(enabled?.trim() ?? '')) return [];
    return [
      {
        types: words(types),
        uris: words(uris),
        suites: words(suites),
        components: words(components ?? ''),
        options,
      },
    ];
  });
}

/** @param {string} text */
function words(text) {
  return text.split(/\s+/).filter(Boolean);
}
