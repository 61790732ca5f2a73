const WIDTH = 100;

/**
 * A box that nobody scrolls past.
 *
 * @param {string} title
 * @param {string} text
 */
export function banner(title, text) {
  const bar = '#'.repeat(WIDTH);
  const lines = [title, '', ...text.split('\n')].flatMap((line) => wrap(line, WIDTH - 6));
  return [bar, ...lines.map((line) => `## ${line.padEnd(WIDTH - 6)} ##`), bar].join('\n');
}

/**
 * @param {string} line
 * @param {number} width
 */
function wrap(line, width) {
  return (
    line.match(new RegExp(`.{1,${width}}(?:\\s+|$)|.{1,${width}}`, 'g'))?.map((part) => part.trimEnd()) ?? [
      '',
    ]
  );
}
