/** How many rows there are. A long table is not counted to its end: that would take long, and nobody needs the last digit. */
export interface Count {
  value: number;
  /** `at-least`: there are more. `estimated`: by the statistics of the server, which may be far off. */
  precision: 'exact' | 'at-least' | 'estimated';
}

/** A table, or the part of it that a group has, is counted up to here. */
export const COUNTED_ROWS = 100_000;

/** @param looked rows that were looked at, one more than {@link COUNTED_ROWS} where there are more */
export function countOf(value: number, looked = value): Count {
  return looked > COUNTED_ROWS
    ? { value: Math.min(value, COUNTED_ROWS), precision: 'at-least' }
    : { value, precision: 'exact' };
}

export function exactly(value: number): Count {
  return { value, precision: 'exact' };
}

/** Of what is in two tables. */
export function sumOf(one: Count, other: Count): Count {
  const value = one.value + other.value;
  const isExact = one.precision === 'exact' && other.precision === 'exact';
  return { value, precision: isExact ? 'exact' : 'at-least' };
}
