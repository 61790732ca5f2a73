import { printable } from '../../errors/index.js';
import type { Count } from '../../operate/index.js';

/** Of an error, a biz-id or a key that is printed in a line. */
const MOST_CHARACTERS = 300;

/** What others wrote, in one line: cut, and without anything that a terminal would obey. */
export function oneLine(text: string, most = MOST_CHARACTERS): string {
  const [first = ''] = text.trim().split(/[\r\n]/, 1);
  const line = first.length < text.trim().length ? `${first.trimEnd()} …` : first;
  const characters = Array.from(line);
  return printable(characters.length > most ? `${characters.slice(0, most).join('')}…` : line);
}

/** What others wrote, whole, its further lines indented. */
export function indented(text: string): string {
  return text
    .trim()
    .split(/\r\n|[\r\n]/)
    .map(printable)
    .join('\n      ');
}

/** A key as it is, also where it has line breaks: they are part of it. */
export function key(text: string): string {
  return printable(text);
}

export function numberOf({ value, precision }: Count): string {
  const digits = value.toLocaleString('en-US');
  if (precision === 'exact') return digits;
  return precision === 'at-least' ? `${digits}+` : `about ${digits}`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `3d 4h`, `5m 2s`, `0s` */
export function duration(ms: number): string {
  const first = UNITS.findIndex(([, length]) => ms >= length);
  if (first < 0) return '0s';
  const [unit, length] = UNITS[first]!;
  const whole = `${Math.floor(ms / length)}${unit}`;
  const next = UNITS[first + 1];
  const rest = next && Math.floor((ms % length) / next[1]);
  return next && rest ? `${whole} ${rest}${next[0]}` : whole;
}

export function ageOf(ms: number | undefined): string {
  return ms === undefined ? '-' : duration(ms);
}

export function time(at: Date): string {
  return at.toISOString();
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

/** For programs: what is undefined is left out, and a time is ISO 8601. */
export function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
