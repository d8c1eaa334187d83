/** Columns of text that stand one below the other, also where characters are two columns wide. */
import stringWidth from 'string-width';
import { oneLine } from '../one-line.js';

/**
 * @param rows of equally many cells each
 * @param right columns whose cells end one below the other, such as numbers
 */
export function tableLines(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const table = rows.map((row) => row.map(oneLine));
  const columns = table[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...table.map((row) => stringWidth(row[column]!))),
  );
  return table.map((row) =>
    row
      .map((cell, column) => {
        const gap = ' '.repeat(widths[column]! - stringWidth(cell));
        return right.includes(column) ? gap + cell : cell + gap;
      })
      .join('  ')
      .trimEnd(),
  );
}
