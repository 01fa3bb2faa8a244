/**
 * The rules of mmdetection's samplers, said again step by step with lists and sets (the release's section on heuristics):
 * what the samplers are held against, with the same random draws.
 */

import type {Random} from '../../src/random/random.js';
import type {IouBalanced} from '../../src/samplers/iou-balanced.js';

/** An image's examples as a sampler sees them. */
export type Scene = {
  readonly labels: Int32Array; // [A]
  readonly matches: Int32Array; // [A]
  readonly overlaps: Float32Array; // [A]
  readonly losses: Float32Array; // [A]
  readonly image: number;
  readonly backgroundIou: number;
};

/** `count` draws without replacement, or as many as there are. The first of the list takes the place of the one drawn. */
function choose(list: readonly number[], count: number, random: Random): number[] {
  const left = [...list];
  const chosen: number[] = [];
  while (chosen.length < count && left.length > 0) {
    const j = random.int(left.length);
    chosen.push(left[j]!);
    left[j] = left[0]!;
    left.shift();
  }
  return chosen;
}

const positions = (labels: Int32Array, wanted: (label: number) => boolean): number[] =>
  [...labels.keys()].filter(i => wanted(labels[i]!));

const minus = (list: readonly number[], taken: readonly number[]): number[] =>
  list.filter(i => !taken.includes(i));

const unique = (list: readonly number[]): number[] => [...new Set(list)];

/** Hardest first: by falling loss, NaN being infinite; of equal losses the lower position. */
export function ohemRule({labels, losses}: Scene, n: number, fraction: number): number[] {
  const loss = (i: number) => (Number.isNaN(losses[i]!) ? Number.POSITIVE_INFINITY : losses[i]!);
  const hardestFirst = (list: number[]) =>
    list.sort((i, j) => (loss(i) === loss(j) ? i - j : loss(i) > loss(j) ? -1 : 1));
  const positive = hardestFirst(positions(labels, label => label > 0)).slice(0, Math.trunc(n * fraction));
  const negative = hardestFirst(positions(labels, label => label === 0)).slice(0, n - positive.length);
  return [...positive, ...negative];
}

/** Python's round: a half goes to the even neighbour. */
function pythonRound(x: number): number {
  const below = Math.floor(x);
  if (x - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return Math.round(x);
}

function positiveRule(scene: Scene, expected: number, reference: boolean, random: Random): number[] {
  const positive = positions(scene.labels, label => label > 0);
  if (positive.length <= expected) return positive;
  const objects = unique(positive.map(i => scene.matches[i]!)).sort((a, b) => a - b);
  const perObject = pythonRound(expected / objects.length) + 1;
  let sampled: number[] = [];
  for (const object of objects) {
    const own = positive.filter(i => scene.matches[i] === object);
    sampled = [...sampled, ...choose(own, perObject, random)];
  }
  if (sampled.length < expected) {
    const pool = reference ? positive : minus(positive, sampled);
    sampled = [...sampled, ...choose(pool, expected - sampled.length, random)];
  } else if (sampled.length > expected) {
    sampled = choose(sampled, expected, random);
  }
  return unique(sampled);
}

function negativeRule(scene: Scene, expected: number, config: IouBalanced, random: Random): number[] {
  const {overlaps, image, backgroundIou} = scene;
  const negative = positions(scene.labels, label => label === 0);
  if (negative.length <= expected) return negative;
  const reference = config.quirks === 'reference';
  // The reference's encoding: -1 is no floor, and becomes 0 once an image has been sampled.
  const threshold = config.floor?.threshold ?? (reference && image > 0 ? 0 : -1);
  const start = Math.max(threshold, 0);
  const end = reference ? Math.max(...overlaps, 0) : backgroundIou;
  const inFloor = (i: number) =>
    threshold > 0 ? overlaps[i]! < threshold : threshold === 0 ? overlaps[i] === 0 : false;
  const floorPool = negative.filter(inFloor);
  const iouPool = negative.filter(i => !inFloor(i));

  const expectedIou = Math.trunc(expected * (1 - (config.floor?.fraction ?? 0)));
  let sampled: number[] = [];
  if (iouPool.length <= expectedIou) {
    sampled = iouPool;
  } else if (config.bins < 2) {
    sampled = choose(iouPool, expectedIou, random);
  } else {
    const width = end - start;
    for (let bin = 0; bin < config.bins; bin++) {
      const lower = start + (bin * width) / config.bins;
      const upper = start + ((bin + 1) * width) / config.bins;
      const inBin = iouPool.filter(i => overlaps[i]! >= lower && overlaps[i]! < upper);
      sampled = [...sampled, ...choose(inBin, Math.trunc(expectedIou / config.bins), random)];
    }
    sampled = [...sampled, ...choose(minus(iouPool, sampled), expectedIou - sampled.length, random)];
  }
  sampled = [...sampled, ...choose(floorPool, expected - sampled.length, random)];
  return [...sampled, ...choose(minus(negative, sampled), expected - sampled.length, random)];
}

export function iouBalancedRule(scene: Scene, config: IouBalanced, random: Random): number[] {
  const expected = Math.trunc(config.n * config.fraction);
  const positive = positiveRule(scene, expected, config.quirks === 'reference', random);
  return [...positive, ...negativeRule(scene, config.n - positive.length, config, random)];
}
