/** Figures that follow from measurements: speeds, ratios, and the peak that speeds are held against. */
import type {Outcome} from './contestant.js';
import type {Result} from './measure.js';
import {median} from './statistics.js';
import {titleOf} from './work.js';

/** sf over torchvision: below 1 sf is faster, or needs less. */
export type Ratio = {
  readonly time: number;
  /** Undefined where the processes did more than this work. */
  readonly memory: number | undefined;
};

/** Undefined unless both sides did the work. */
export function ratioOf({sf, torchvision}: Result): Ratio | undefined {
  if (sf.kind !== 'measured' || torchvision?.kind !== 'measured') return undefined;
  return {
    time: median(sf.milliseconds) / median(torchvision.milliseconds),
    memory:
      sf.peakBytes === undefined || torchvision.peakBytes === undefined
        ? undefined
        : sf.peakBytes / torchvision.peakBytes,
  };
}

/** Floating point operations a second; undefined for a work without products. */
export function speedOf(outcome: Outcome | undefined, operations: number | undefined): number | undefined {
  if (operations === undefined || operations === 0 || outcome?.kind !== 'measured') return undefined;
  return operations / (median(outcome.milliseconds) / 1000);
}

export type Peak = {
  /** Operations a second. */
  readonly speed: number;
  /** Which side and work reached it. */
  readonly of: string;
};

/** The fastest convolution or product that either side showed in this run; undefined where none was measured. */
export function peakSpeed(results: readonly Result[]): Peak | undefined {
  const peaks = results
    .filter(({work}) => work.kind === 'convolution' || work.kind === 'mat-mul')
    .flatMap(({work, operations, sf, torchvision}) => [
      {speed: speedOf(sf, operations) ?? 0, of: `${titleOf(work)}, sf`},
      {speed: speedOf(torchvision, operations) ?? 0, of: `${titleOf(work)}, torchvision`},
    ])
    .filter(({speed}) => speed > 0);
  return peaks.sort((a, b) => b.speed - a.speed)[0];
}

/** Whether what a side said when it failed means that memory ran out, in the words of sf, torch, or the system. */
export function isOutOfMemory(message: string): boolean {
  return /out of memory|can't allocate memory|not enough memory|bad_alloc/i.test(message);
}
