/** Comma-separated values as RFC 4180 has them, safe to open in a spreadsheet and to show on a terminal. */
import {visibleText} from '../errors.js';

/** Text, a number with all its digits, or nothing. */
export type CsvCell = string | number | null;

/** Beginnings of cells that spreadsheets take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * The rows as a CSV file, lines ended by CRLF. Text that begins as a formula does gets an apostrophe before it, so that
 * a category named =1+1 stays a name.
 */
export function csvText(rows: readonly (readonly CsvCell[])[]): string {
  return rows.map(row => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(cell: CsvCell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  // Tabs and line ends are CSV's own; other control characters are shown as escapes.
  const shown = cell.replaceAll(/[^\t\r\n]+/g, visibleText);
  const text = FORMULA.test(shown) ? `'${shown}` : shown;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A figure of an evaluation, where -1 says that there is nothing to average: an empty cell. */
export function figureCell(figure: number): CsvCell {
  return figure === -1 ? null : figure;
}
