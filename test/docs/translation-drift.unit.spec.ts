import { codeBlocks, read } from './markdown.js';
import { sectionsOf } from './sections.js';
import { driftOf, fingerprintOf } from './translation-drift.js';

/** README-zh-CN.md says what README.md says; a change of the one without the other is found. */

const document = (path: string) => ({ path, text: read(path) });

describe('README-zh-CN.md', () => {
  it('has not drifted from README.md', () => {
    expect(driftOf(document('README.md'), document('README-zh-CN.md'))).toEqual([]);
  });

  it('has each of its sections', () => {
    expect(sectionsOf(read('README-zh-CN.md')).length).toBeGreaterThan(10);
    expect(codeBlocks(read('README-zh-CN.md'), 'ts').length).toBeGreaterThan(10);
  });
});

const ENGLISH = `# Queue

English · [中文](zh.md)

A queue.

## Set up

Run this ([why](docs/why.md)), with \`--fast\`:

\`\`\`sh
# Not a heading
npm ci
\`\`\`

| option | default |
| ------ | ------- |
| \`size\` | \`10\`    |
| \`name\` | none    |

## Go on

See [above](#set-up), and [why](docs/why.md).
`;

const [QUEUE, SET_UP, GO_ON] = sectionsOf(ENGLISH).map(fingerprintOf);

const CHINESE = `# Queue

<!-- translated from en.md ${QUEUE} -->

[English](en.md) · 中文

一个队列。

## <a id="set-up"></a>安装

<!-- translated from en.md ${SET_UP} -->

加上 \`--fast\` 运行（[原因](docs/why.md)）：

\`\`\`sh
# Not a heading
npm ci
\`\`\`

| 选项 | 默认值 |
| --- | --- |
| \`size\` | \`10\` |
| \`name\` | 无 |

## <a id="go-on"></a>继续

<!-- translated from en.md ${GO_ON} -->

[原因](docs/why.md)见[上文](#set-up)。
`;

const SETUP = '"Set up" of en.md and "安装" of zh.md';

describe('what a translation has drifted by', () => {
  const drift = (english: string, chinese: string) =>
    driftOf({ path: 'en.md', text: english }, { path: 'zh.md', text: chinese });

  /** Of a translation in which one thing is another. */
  const driftWith = (here: string, there: string) => drift(ENGLISH, swapped(CHINESE, here, there));

  it('is nothing, where it says the same', () => {
    expect(drift(ENGLISH, CHINESE)).toEqual([]);
  });

  it('is nothing, where only lines and tables are laid out anew', () => {
    const laidOut = swapped(
      ENGLISH,
      '| option | default |\n| ------ | ------- |',
      '| option |  default |\n| --- | --- |',
    );
    expect(drift(swapped(laidOut, 'See [above]', 'See\n[above]'), CHINESE)).toEqual([]);
  });

  it('is a changed section of the original, by its name, with what to write when it is translated', () => {
    const changed = swapped(ENGLISH, 'Run this', 'Run that');
    const [, now] = sectionsOf(changed).map(fingerprintOf);
    expect(now).not.toBe(SET_UP);
    expect(drift(changed, CHINESE)).toEqual([
      `${SETUP}: the first has changed since the second was translated: translate what changed, then put under its heading: <!-- translated from en.md ${now} -->`,
    ]);
    expect(drift(changed, swapped(CHINESE, SET_UP!, now!))).toEqual([]);
  });

  it('is a changed heading of the original', () => {
    const [changed] = drift(
      swapped(ENGLISH, '# Queue', '# A queue'),
      swapped(CHINESE, '# Queue', '# <a id="a-queue"></a>Queue'),
    );
    expect(changed).toContain('"A queue" of en.md');
  });

  it('is a section that has no note of what it was translated from', () => {
    expect(driftWith(`<!-- translated from en.md ${GO_ON} -->`, '')).toEqual([
      expect.stringContaining(`put under its heading: <!-- translated from en.md ${GO_ON} -->`),
    ]);
  });

  it('is a section that is missing, or has another anchor', () => {
    const section = CHINESE.slice(CHINESE.indexOf('## <a id="go-on">'));
    expect(driftWith(section, '')).toEqual([
      'zh.md lacks the section "Go on" of en.md: translate it, with <a id="go-on"></a> in its heading',
    ]);
    expect(driftWith('<a id="go-on"></a>', '')).toEqual([
      expect.stringContaining('zh.md lacks the section "Go on"'),
      expect.stringContaining('en.md has no section for "继续" of zh.md'),
    ]);
  });

  it('is a section that the original has not', () => {
    expect(drift(ENGLISH, `${CHINESE}\n## 更多\n`)).toEqual([
      expect.stringContaining('en.md has no section for "更多" of zh.md'),
    ]);
    expect(drift(ENGLISH, `前言\n\n${CHINESE}`)).toEqual([
      expect.stringContaining('en.md has no section for ""'),
    ]);
  });

  it('is a section that stands there twice', () => {
    const again = CHINESE.slice(CHINESE.indexOf('## <a id="go-on">'));
    expect(drift(ENGLISH, `${CHINESE}\n${again}`)).toEqual([
      expect.stringContaining('en.md has no section for "继续" of zh.md'),
    ]);
  });

  it('is another order of the sections', () => {
    const [title, setUp, goOn] = CHINESE.split(/^(?=## <a)/m) as [string, string, string];
    expect(drift(ENGLISH, `${title}${goOn}\n${setUp}`)).toEqual([
      `${SETUP}: are not at the same place: put the sections into the same order`,
    ]);
  });

  it('is another level of a heading', () => {
    expect(driftWith('## <a id="set-up">', '### <a id="set-up">')).toEqual([
      `${SETUP}: levels 2 and 3: give the headings the same`,
    ]);
  });

  it('is other code, in another language too, or none', () => {
    expect(driftWith('npm ci\n', 'npm install\n')).toEqual([`${SETUP}: block of code 1 differs: copy it`]);
    expect(driftWith('```sh', '```bash')).toEqual([`${SETUP}: block of code 1 differs: copy it`]);
    expect(driftWith('```sh\n# Not a heading\nnpm ci\n```\n', '')).toEqual([
      `${SETUP}: 1 and 0 blocks of code: copy them`,
    ]);
    expect(drift(swapped(ENGLISH, 'npm ci\n', 'npm install\n'), CHINESE)).toEqual([
      `${SETUP}: block of code 1 differs: copy it`,
    ]);
  });

  it('is another link, and one that is missing, of several that are alike', () => {
    expect(driftWith('运行（[原因](docs/why.md)）', '运行（[原因](docs/how.md)）')).toEqual([
      `${SETUP}: links that only the first has: docs/why.md`,
      `${SETUP}: links that only the second has: docs/how.md`,
    ]);
    expect(driftWith('[原因](docs/why.md)见[上文](#set-up)', '[原因](docs/why.md)见上文')).toEqual([
      expect.stringContaining('links that only the first has: #set-up'),
    ]);
    expect(driftWith('一个队列。', '[一个](docs/why.md)[队列](docs/why.md)。')).toEqual([
      expect.stringContaining('links that only the second has: docs/why.md docs/why.md'),
    ]);
  });

  it('is a translation that does not link back', () => {
    expect(driftWith('[English](en.md)', '[English](zh.md)')).toEqual([
      expect.stringContaining('links that only the first has: en.md'),
      expect.stringContaining('links that only the second has: zh.md'),
    ]);
  });

  it('is a table of other rows or columns, or none', () => {
    expect(driftWith('| `name` | 无 |\n', '')).toContain(
      `${SETUP}: tables of 4×2 and 3×2 cells: give them the same rows and columns`,
    );
    expect(driftWith('| `name` | 无 |\n', '| `name` | 无 | |\n')).toEqual([
      `${SETUP}: tables of 4×2 and 4×2/3 cells: give them the same rows and columns`,
    ]);
    const table = CHINESE.slice(CHINESE.indexOf('| 选项'), CHINESE.indexOf('## <a id="go-on">'));
    expect(driftWith(table, '')).toContain(
      `${SETUP}: tables of 4×2 and none cells: give them the same rows and columns`,
    );
  });

  it('is a name or a default that stands in the wrong row', () => {
    expect(driftWith('| `size` | `10` |\n| `name` | 无 |', '| `name` | `10` |\n| `size` | 无 |')).toEqual([
      `${SETUP}: a table has \`size\` and \`name\`: copy the cell`,
      `${SETUP}: a table has \`name\` and \`size\`: copy the cell`,
    ]);
  });

  it('is a name in the text that the original has otherwise', () => {
    expect(driftWith('`--fast`', '`--quick`')).toEqual([
      `${SETUP}: code that only the first has: \`--fast\``,
      `${SETUP}: code that only the second has: \`--quick\``,
    ]);
  });
});

/** A text in which one thing is another. */
function swapped(text: string, here: string, there: string): string {
  expect(text.split(here)).toHaveLength(2);
  return text.replace(here, () => there);
}
