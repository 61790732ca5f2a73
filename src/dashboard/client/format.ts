import type { Count } from '../../operate/count.js';

/** 12,345; `> 100,000` where nobody counted on; `≈` where the server estimated. */
export function count(of: Count | undefined): string {
  if (!of) return '–';
  const sign = { exact: '', 'at-least': '> ', estimated: '≈ ' }[of.precision];
  return sign + number(of.value);
}

export function number(value: number): string {
  return value.toLocaleString('en');
}

/** Of something that happens so often a second. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond < 10) return `${perSecond.toFixed(1)}/s`;
  return `${number(Math.round(perSecond))}/s`;
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** The largest unit with one digit behind the point, where that says more. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const [size, unit] = UNITS.find(([least]) => ms >= least)!;
  const value = ms / size;
  return `${value < 10 && unit !== 's' ? value.toFixed(1).replace('.0', '') : Math.floor(value)} ${unit}`;
}

export function ago(iso: string, nowMs = Date.now()): string {
  return `${duration(nowMs - Date.parse(iso))} ago`;
}

/** To the second, in the reader's own zone. */
export function time(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}
