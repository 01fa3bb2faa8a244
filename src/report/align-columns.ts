/** Rows of cells as lines of aligned text: the first column to the left, the others to the right. */
import {visibleText} from '../errors.js';

/** Cells may hold names out of files: control characters are shown as escapes. */
export function alignColumns(cells: readonly (readonly string[])[], gap = 2): string {
  const rows = cells.map(row => row.map(visibleText));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows
    .map(row =>
      row
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]! + gap)))
        .join('')
        .trimEnd(),
    )
    .map(line => `${line}\n`)
    .join('');
}
