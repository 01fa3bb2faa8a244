/** How near works that memory bounds come to its speed, which a copy in the same run measures. */
import {alignColumns} from '../report/align-columns.js';
import type {Outcome} from './contestant.js';
import type {Result} from './measure.js';
import {median} from './statistics.js';
import {examplesOf, titleOf, type Work} from './work.js';

const FLOAT = 4;
const SIDES = ['sf', 'torchvision'] as const;

type Traffic = {
  readonly bytes: number;
  /** Bytes a second. */
  readonly speed: number;
  /** Its time over that of a copy of as many bytes; undefined where no copy was measured. */
  readonly overCopy: number | undefined;
};

/**
 * Bytes that a work must move at least: what it is given is read once for each pass that depends on all of it, what it makes
 * is written once. A loss reads logits, labels and weights, its gradient reads them again and writes as much as the logits.
 * Undefined for works that arithmetic bounds.
 */
function trafficOf(work: Work): number | undefined {
  switch (work.kind) {
    case 'copy':
      return 2 * FLOAT * work.numbers;
    case 'loss': {
      const examples = examplesOf(work);
      return 3 * FLOAT * examples * work.classes + 4 * FLOAT * examples;
    }
    case 'convolution':
    case 'mat-mul':
    case 'train':
    case 'inference':
      return undefined;
  }
}

/** Of one side of a result; undefined for a work that arithmetic bounds, or that was not done. */
function trafficOfSide(
  result: Result,
  side: (typeof SIDES)[number],
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

/** Of both sides, for the JSON; nothing for a work that arithmetic bounds. */
export function trafficJson(
  result: Result,
  results: readonly Result[],
): {readonly traffic?: {readonly sf: Traffic | undefined; readonly torchvision: Traffic | undefined}} {
  if (trafficOf(result.work) === undefined) return {};
  const [sf, torchvision] = SIDES.map(side => trafficOfSide(result, side, results));
  return {traffic: {sf, torchvision}};
}

/** A table of its own; empty where no work is bound by memory. */
export function trafficText(results: readonly Result[]): string {
  const rows = results.flatMap(result =>
    SIDES.flatMap(side => {
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
