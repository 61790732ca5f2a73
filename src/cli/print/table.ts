export interface Column {
  title: string;
  /** @default left */
  align?: 'left' | 'right';
}

const GAP = '  ';

/**
 * Rows below their titles. What may hold anything (a biz-id, an error) is the last column, which nothing is aligned behind:
 * so no character's width has to be known.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => {
          if (i === columns.length - 1 && columns[i]!.align !== 'right') return cell;
          return columns[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
        })
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}
