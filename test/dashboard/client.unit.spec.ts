import { readFileSync, readdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { ASSETS } from '../../src/dashboard/assets.generated.js';
import { count, duration, plural, rate } from '../../src/dashboard/client/format.js';
import { hashOf, routeOf } from '../../src/dashboard/client/route.js';

// Property: what the browser runs has no way to make markup or code of a text.

const CLIENT = 'src/dashboard/client';
const FORBIDDEN =
  /innerHTML|outerHTML|insertAdjacentHTML|setHTML|createContextualFragment|DOMParser|document\.write|srcdoc|\beval\b|new Function|javascript:|setTimeout\(\s*['"`]|\.cssText|createPolicy/;

function sources(): [string, string][] {
  return readdirSync(CLIENT, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|html|css)$/.test(name))
    .map((name) => [name, readFileSync(`${CLIENT}/${name}`, 'utf8')]);
}

describe('the code of the page', () => {
  it.each(sources())('makes no markup and no code of texts: %s', (_, text) => {
    expect(FORBIDDEN.exec(text)?.[0]).toBeUndefined();
  });

  it('is what is shipped, to the letter: else npm run build:dashboard', () => {
    const script = `import('./scripts/embed-dashboard.mjs').then(async ({ embedded }) => process.stdout.write(await embedded()))`;
    const embedded = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(readFileSync('src/dashboard/assets.generated.ts', 'utf8') === embedded).toBe(true);
    for (const text of Object.values(ASSETS)) expect(FORBIDDEN.exec(text)?.[0]).toBeUndefined();
  });

  it('loads nothing from elsewhere, and has nothing inline', () => {
    expect(ASSETS['page.html']).not.toMatch(/https?:|style=|<style|<script(?! type="module" src=)|\son\w+=/);
    expect(ASSETS['style.css']).not.toMatch(/url\(|@import/);
    expect(ASSETS['app.js'].replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
  });

  it('is small enough to come over a telephone', () => {
    expect(Object.values(ASSETS).join('').length).toBeLessThan(100_000);
  });
});

describe('numbers', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [59_900, '59 s'],
    [90_000, '1.5 min'],
    [3_600_000, '1 h'],
    [36_000_000, '10 h'],
    [30 * 86_400_000, '30 d'],
    [undefined, '–'],
  ])('%p ms is %s', (ms, text) => expect(duration(ms)).toBe(text));

  it('say how far they can be trusted', () => {
    expect(count({ value: 12_345, precision: 'exact' })).toBe('12,345');
    expect(count({ value: 100_000, precision: 'at-least' })).toBe('> 100,000');
    expect(count({ value: 7, precision: 'estimated' })).toBe('≈ 7');
    expect([rate(0), rate(0.25), rate(12.6), rate(4_321)]).toEqual(['0/s', '0.3/s', '13/s', '4,321/s']);
    expect([plural(1, 'dead letter'), plural(2_000, 'dead letter')]).toEqual([
      '1 dead letter',
      '2,000 dead letters',
    ]);
  });
});

describe('a place on the page', () => {
  it.each([
    ['overview', undefined, {}],
    ['dead-letters', undefined, { topic: 'order.placed', after: '17-3-9' }],
    ['dead-letters', '3-17', {}],
    ['message', undefined, { topic: 'a', bizId: '#/?&=%"<img> 💳' }],
    ['quarantine', 'a/b?c', {}],
  ])('is found again: %s %s %p', (view, id, query) => {
    expect(routeOf(hashOf(view, id, query))).toEqual({ view, id, query });
  });

  it.each(['', '#', '#/', '#main', '#/%', '#/dead-letters/%E0%A4%A'])(
    'is somewhere, whatever was typed: %p',
    (hash) => {
      expect(typeof routeOf(hash).view).toBe('string');
    },
  );
});
