/** The error breakdown as a table for a terminal. */
import {alignColumns} from '../../report/align-columns.js';
import type {ErrorBreakdown, ErrorCost} from './error-breakdown.js';
import {ERROR_KINDS} from './error-kinds.js';

/** AP50, and for every kind of error how many there are and the AP50 that is lost to them. Ends with a line break. */
export function formatErrors(breakdown: ErrorBreakdown): string {
  const {AP, errors, falsePositives, falseNegatives, foregroundIou, backgroundIou} = breakdown;
  if (AP === -1) return 'errors: there are no objects to find\n';
  const row = (name: string, {count, gain}: ErrorCost) => [name, String(count), gain.toFixed(3)];
  return (
    `AP50 ${AP.toFixed(3)}; what it would gain without one kind of error ` +
    `(TIDE, foreground IoU ${foregroundIou}, background IoU ${backgroundIou}):\n` +
    alignColumns([
      ['error', 'count', 'dAP50'],
      ...ERROR_KINDS.map(kind => row(kind, errors[kind])),
      row('all false positives', falsePositives),
      row('all false negatives', falseNegatives),
    ])
  );
}
