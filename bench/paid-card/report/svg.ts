/** Bars that lie on their side, with a line from the least to the greatest. */

export interface Bar {
  label: string;
  family: 'ours' | 'limit' | 'peer';
  middle: number;
  least: number;
  most: number;
}

export interface Chart {
  title: string;
  /** What is better, and of what the bars are. */
  subtitle: string;
  bars: readonly Bar[];
  digits: number;
  /** For what spans orders of magnitude. */
  isLog?: boolean;
}

const COLOURS = { ours: '#1f6feb', limit: '#8c959f', peer: '#bf8700' };
const NAMES = { ours: 'this library', limit: 'by hand', peer: 'others' };
const LEFT = 330;
const WIDE = 480;
const RIGHT = 190;
const ROW = 24;
const TOP = 84;
const FONT = 'font-family="system-ui, sans-serif"';

export function svgOf({ title, subtitle, bars, digits, isLog = false }: Chart): string {
  const height = TOP + bars.length * ROW + 20;
  const width = LEFT + WIDE + RIGHT;
  const scale = isLog ? logScale(bars) : linearScale(bars);
  const legend = (['ours', 'limit', 'peer'] as const).map(
    (family, i) =>
      rect(LEFT + i * 120, 52, 12, 12, COLOURS[family]) + text(LEFT + i * 120 + 18, 62, NAMES[family], 12),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    rect(0, 0, width, height, '#ffffff'),
    text(16, 26, title, 16, 'font-weight="600"'),
    text(16, 44, subtitle, 12),
    ...legend,
    ...bars.map((bar, i) => barOf(bar, TOP + i * ROW, scale, digits)),
    '</svg>',
    '',
  ].join('\n');
}

function barOf(bar: Bar, y: number, scale: (value: number) => number, digits: number): string {
  const [middle, least, most] = [bar.middle, bar.least, bar.most].map(scale) as [number, number, number];
  const line = `<path d="M${round(LEFT + least)} ${y + 8}H${round(LEFT + most)}M${round(LEFT + least)} ${y + 4}v8M${round(LEFT + most)} ${y + 4}v8" stroke="#24292f" fill="none"/>`;
  const figures = `${bar.middle.toFixed(digits)} (${bar.least.toFixed(digits)} to ${bar.most.toFixed(digits)})`;
  return [
    text(LEFT - 10, y + 12, bar.label, 12, 'text-anchor="end"'),
    rect(LEFT, y, Math.max(1, middle), 16, COLOURS[bar.family]),
    line,
    text(LEFT + Math.max(middle, most) + 8, y + 12, figures, 11),
  ].join('');
}

function linearScale(bars: readonly Bar[]): (value: number) => number {
  const most = Math.max(...bars.map((bar) => bar.most), Number.MIN_VALUE);
  return (value) => (WIDE * value) / most;
}

/** From the power of ten below the least one. */
function logScale(bars: readonly Bar[]): (value: number) => number {
  const positive = bars.map(({ least }) => Math.max(least, 0.1));
  const from = Math.floor(Math.log10(Math.min(...positive)));
  const to = Math.log10(Math.max(...bars.map(({ most }) => most), 10 ** (from + 1)));
  return (value) => (WIDE * Math.max(0, Math.log10(Math.max(value, 0.1)) - from)) / (to - from);
}

function rect(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${x}" y="${y}" width="${round(width)}" height="${height}" fill="${fill}"/>`;
}

function text(x: number, y: number, words: string, size: number, more = ''): string {
  return `<text x="${round(x)}" y="${y}" ${FONT} font-size="${size}" fill="#24292f" ${more}>${escaped(words)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
