/** How near works that memory bounds come to its speed, which a copy in the same run measures. */
import {alignColumns} from '../report/align-columns.js';
import type {Outcome} from './contestant.js';
import type {Result} from './measure.js';
import {trafficOf} from './memory-work.js';
import {median} from './statistics.js';
import {titleOf} from './work.js';

export type Traffic = {
  readonly bytes: number;
  /** Bytes a second. */
  readonly speed: number;
  /** Its time over that of a copy of as many bytes; undefined where no copy was measured. */
  readonly overCopy: number | undefined;
};

/** Of one side of a result; undefined for a work that arithmetic bounds, or that was not done. */
export function trafficOfSide(
  result: Result,
  side: 'sf' | 'torchvision',
  results: readonly Result[],
): Traffic | undefined {
  const bytes = trafficOf(result.work);
  const speed = speedOf(result[side], bytes);
  if (bytes === undefined || speed === undefined) return undefined;
  const copy = copySpeed(results);
  return {bytes, speed, overCopy: copy === undefined ? undefined : copy / speed};
}

/** The fastest copy of either side. */
function copySpeed(results: readonly Result[]): number | undefined {
  const speeds = results
    .filter(({work}) => work.kind === 'copy')
    .flatMap(({work, sf, torchvision}) =>
      [sf, torchvision].flatMap(outcome => speedOf(outcome, trafficOf(work)) ?? []),
    );
  return speeds.length === 0 ? undefined : Math.max(...speeds);
}

function speedOf(outcome: Outcome | undefined, bytes: number | undefined): number | undefined {
  if (outcome?.kind !== 'measured' || bytes === undefined) return undefined;
  return (1000 * bytes) / median(outcome.milliseconds);
}

/** A table of its own; empty where no work is bound by memory. */
export function trafficText(results: readonly Result[]): string {
  const rows = results.flatMap(result =>
    (['sf', 'torchvision'] as const).flatMap(side => {
      const traffic = trafficOfSide(result, side, results);
      if (traffic === undefined) return [];
      const {bytes, speed, overCopy} = traffic;
      return [
        [
          side === 'sf' ? titleOf(result.work) : '  torchvision',
          (bytes / 1e6).toFixed(1),
          (speed / 1e9).toFixed(1),
          overCopy?.toFixed(2) ?? '',
        ],
      ];
    }),
  );
  if (rows.length === 0) return '';
  return (
    `\nmemory traffic\n${alignColumns([['', 'MB', 'GB/s', 'of a copy'], ...rows])}` +
    'MB: what is read and written at least; of a copy: the time over that of copying as many bytes, at the speed of the ' +
    'fastest copy here\n'
  );
}
