const LABEL_WIDTH = 21;
const NUMBER_WIDTH = 7;

export type Row = [label: string, value: number, note: string];

export function table(rows: readonly Row[]): string {
  return rows
    .map(
      ([label, value, note]) => `  ${label.padEnd(LABEL_WIDTH)}${n(value).padStart(NUMBER_WIDTH)}   ${note}`,
    )
    .join('\n');
}

/** 1,234 in whatever language the machine speaks. */
export function n(value: number): string {
  return value.toLocaleString('en-US');
}
