/**
 * Libra R-CNN's sampling: Pang et al., CVPR 2019, Sec. 3.1. Background is drawn evenly over bins of its IoU with the
 * objects, since at random nearly all of it would hardly overlap one; foreground evenly over the objects.
 *
 * The bins of the paper divide the range that background has, up to the threshold of the matcher. mmdetection, which
 * the published results come from, does something else, kept here as `quirks: 'reference'`:
 *
 * - The bins divide [0, the largest IoU of all candidates]. Where objects are appended to the proposals that is 1, so of
 *   three bins the last one never holds background, and what it lacks is drawn at random.
 * - No floor means that every IoU is sampled, but in the first image of a mini-batch only. In the others it means a floor
 *   at 0: background without any overlap is drawn only when the rest does not suffice.
 * - What is missing of the foreground may be drawn twice (see `instanceBalanced`).
 */
import {UsageError} from '../errors.js';
import type {Random} from '../random/random.js';
import {draw, examplesByLabel} from './examples.js';
import {instanceBalanced} from './instance-balanced.js';

export type IouBalanced = {
  /** Examples of an image. */
  readonly n: number;
  /** The largest share of foreground among them. */
  readonly fraction: number;
  /** Bins of equal width. */
  readonly bins: number;
  /**
   * Of the background, `fraction` is drawn at random from what has an IoU below `threshold` (at a threshold of 0: an IoU
   * of 0), and the bins begin at the threshold. Null: there is no such part.
   */
  readonly floor: Floor | null;
  readonly quirks: 'none' | 'reference';
};

type Floor = {readonly threshold: number; readonly fraction: number};

export type IouBalancedContext = {
  readonly random: Random;
  readonly image: number;
  readonly backgroundIou: number;
  readonly matches: Int32Array; // [A]
  overlaps(): Float32Array; // [A]
};

/**
 * Weight 1 for the drawn examples, 0 for all others; [A] -> [A].
 *
 * Overlaps are asked for once, and only where there is more background than is drawn.
 * @throws UsageError when the floor leaves no range for the bins
 * @throws Error when there is not one overlap an example
 */
export function sampleIouBalanced(
  labels: Int32Array,
  config: IouBalanced,
  context: IouBalancedContext,
): Float32Array {
  const {n, fraction, quirks} = config;
  const {foreground, background} = examplesByLabel(labels);
  const drawnForeground = instanceBalanced(foreground, {
    count: Math.floor(n * fraction),
    matches: context.matches,
    random: context.random,
    topUpFrom: quirks === 'reference' ? 'all' : 'left',
  });
  const weights = new Float32Array(labels.length);
  for (const i of drawnForeground) weights[i] = 1;
  for (const i of balancedBackground(background, n - drawnForeground.length, config, context)) weights[i] = 1;
  return weights;
}

/** `count` of the background examples, or all where there are no more. */
function balancedBackground(
  background: Int32Array,
  count: number,
  config: IouBalanced,
  context: IouBalancedContext,
): Iterable<number> {
  if (background.length <= count) return background;
  const {random} = context;
  const overlaps = context.overlaps();
  if (overlaps.length !== context.matches.length) {
    throw new Error(`iou-balanced: ${overlaps.length} overlaps for ${context.matches.length} examples`);
  }
  const floor = floorOf(config, context.image);
  const edges = binEdges(config, floor?.threshold ?? 0, highestIou(config, context, overlaps));
  const above = floor === null ? background : select(background, i => isAbove(floor, overlaps[i]!));
  const below = floor === null ? new Int32Array(0) : select(background, i => !isAbove(floor, overlaps[i]!));

  const fromBins = drawEvenly(above, Math.floor(count * (1 - (floor?.fraction ?? 0))), {
    edges,
    overlaps,
    random,
  });
  const fromFloor = draw(below, count - fromBins.length, random);
  const missing = count - fromBins.length - fromFloor.length;
  return [...fromBins, ...fromFloor, ...drawOthers(above, fromBins, missing, random)];
}

function floorOf({floor, quirks}: IouBalanced, image: number): Floor | null {
  return floor === null && quirks === 'reference' && image > 0 ? {threshold: 0, fraction: 0} : floor;
}

function isAbove(floor: Floor, iou: number): boolean {
  return floor.threshold > 0 ? iou >= floor.threshold : iou > 0;
}

/** Where the last bin ends. */
function highestIou(
  {quirks}: IouBalanced,
  {backgroundIou}: IouBalancedContext,
  overlaps: Float32Array,
): number {
  switch (quirks) {
    case 'none':
      return backgroundIou;
    case 'reference':
      return overlaps.reduce((highest, iou) => (iou > highest ? iou : highest), 0);
  }
}

function binEdges({bins, quirks}: IouBalanced, from: number, to: number): readonly number[] {
  if (quirks === 'none' && from >= to) {
    throw new UsageError(
      `sampler iou-balanced: floor.threshold ${from} leaves no bins below the matcher's background threshold ${to}; lower it`,
    );
  }
  return Array.from({length: bins + 1}, (_, k) => from + (k * (to - from)) / bins);
}

type Evenly = {
  /** Rising; a bin holds its lower edge and not its upper one. */
  readonly edges: readonly number[]; // [bins + 1]
  readonly overlaps: Float32Array; // [A]
  readonly random: Random;
};

/**
 * `count` of the pool, or all where there are no more: floor(count / bins) from every bin or all that it has, the rest
 * at random from what is left. A single bin is the whole pool.
 */
function drawEvenly(pool: Int32Array, count: number, {edges, overlaps, random}: Evenly): readonly number[] {
  if (pool.length <= count) return [...pool];
  const bins = edges.length - 1;
  if (bins === 1) return [...draw(pool, count, random)];
  const chosen = edges.slice(1).flatMap((end, k) => {
    const start = edges[k]!;
    const bin = select(pool, i => overlaps[i]! >= start && overlaps[i]! < end);
    return [...draw(bin, Math.floor(count / bins), random)];
  });
  return [...chosen, ...drawOthers(pool, chosen, count - chosen.length, random)];
}

/** `count` of those in the pool that have not been chosen. */
function drawOthers(
  pool: Int32Array,
  chosen: readonly number[],
  count: number,
  random: Random,
): Iterable<number> {
  if (count === 0) return [];
  const taken = new Set(chosen);
  return draw(
    select(pool, i => !taken.has(i)),
    count,
    random,
  );
}

/** As `filter`, which is slower on typed arrays by far. */
function select(positions: Int32Array, isWanted: (position: number) => boolean): Int32Array {
  const selected = new Int32Array(positions.length);
  let count = 0;
  for (let k = 0; k < positions.length; k++) {
    if (isWanted(positions[k]!)) selected[count++] = positions[k]!;
  }
  return selected.subarray(0, count);
}
