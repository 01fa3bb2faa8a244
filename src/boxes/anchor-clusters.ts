/**
 * Anchor sizes for a data set: k-means of its boxes' sizes by IoU (Redmon and Farhadi, "YOLO9000", Sec. 2, "Dimension
 * clusters"). The distance of two sizes is 1 - IoU with a common centre, so that large boxes count no more than small ones;
 * the centre of a cluster is its mean width and height.
 */
import type {Random} from '../random/random.js';
import {sizeIou} from './yolo-assignment.js';
import type {AnchorSize} from './yolo-grid.js';

export type AnchorClusters = {
  /** By rising area. */
  readonly anchors: readonly AnchorSize[];
  /** The mean over the boxes of the IoU with their best anchor. */
  readonly meanIou: number;
};

/** Beginnings, of which the best end counts. */
const STARTS = 5;
/** Clusters hardly move after some tens of rounds. */
const MOST_ROUNDS = 200;

/**
 * The `count` sizes that fit best, of those that k-means finds from a few random beginnings.
 * @param sizes width and height, both positive, of every box [n, 2]
 * @param count at most as many as there are different sizes
 * @throws RangeError when there are fewer
 */
export function clusterSizes(sizes: Float64Array, count: number, random: Random): AnchorClusters {
  const different = new Set(
    Array.from({length: sizes.length / 2}, (_, i) => `${sizes[2 * i]} ${sizes[2 * i + 1]}`),
  );
  if (!(count >= 1 && count <= different.size)) {
    throw new RangeError(`${count} anchors of ${different.size} different box sizes`);
  }
  let best: AnchorClusters = {anchors: [], meanIou: -1};
  for (let start = 0; start < STARTS; start++) {
    const found = refine(sizes, spreadSizes(sizes, count, random));
    if (found.meanIou > best.meanIou) best = found;
  }
  const anchors = best.anchors.toSorted((a, b) => a[0] * a[1] - b[0] * b[1] || a[0] - b[0]);
  return {anchors, meanIou: best.meanIou};
}

/** The mean over the boxes of the IoU with their best anchor; 0 without boxes or anchors. */
export function meanBestIou(sizes: Float64Array, anchors: readonly AnchorSize[]): number {
  return nearest(sizes, anchors).meanIou;
}

/** Boxes as first centres: each is drawn with a probability that grows with its distance from those drawn (k-means++). */
function spreadSizes(sizes: Float64Array, count: number, random: Random): readonly AnchorSize[] {
  const boxes = sizes.length / 2;
  const first = random.int(boxes);
  const chosen: AnchorSize[] = [[sizes[2 * first]!, sizes[2 * first + 1]!]];
  const distances = new Float64Array(boxes).fill(1);
  while (chosen.length < count) {
    const [width, height] = chosen.at(-1)!;
    let total = 0;
    for (let i = 0; i < boxes; i++) {
      const distance = 1 - sizeIou(sizes[2 * i]!, sizes[2 * i + 1]!, width, height);
      distances[i] = Math.min(distances[i]!, distance);
      total += distances[i]!;
    }
    let left = random.uniform(0, total);
    let drawn = distances.findLastIndex(distance => distance > 0);
    for (let i = 0; i < boxes; i++) {
      left -= distances[i]!;
      if (left >= 0 || distances[i] === 0) continue;
      drawn = i;
      break;
    }
    chosen.push([sizes[2 * drawn]!, sizes[2 * drawn + 1]!]);
  }
  return chosen;
}

/** Rounds of k-means until no box changes its cluster. The mean is not quite what IoU asks for: the best round counts. */
function refine(sizes: Float64Array, beginning: readonly AnchorSize[]): AnchorClusters {
  let anchors = beginning;
  let best: AnchorClusters = {anchors, meanIou: -1};
  let previous: Int32Array | undefined;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const {clusters, meanIou} = nearest(sizes, anchors);
    if (meanIou > best.meanIou) best = {anchors, meanIou};
    if (previous?.every((cluster, i) => cluster === clusters[i]) === true) break;
    previous = clusters;
    anchors = centres(sizes, clusters, anchors);
  }
  return best;
}

function nearest(sizes: Float64Array, anchors: readonly AnchorSize[]) {
  const boxes = sizes.length / 2;
  const clusters = new Int32Array(boxes);
  let total = 0;
  for (let i = 0; i < boxes; i++) {
    let best = 0;
    for (const [cluster, [width, height]] of anchors.entries()) {
      const iou = sizeIou(sizes[2 * i]!, sizes[2 * i + 1]!, width, height);
      if (!(iou > best)) continue;
      best = iou;
      clusters[i] = cluster;
    }
    total += best;
  }
  return {clusters, meanIou: boxes === 0 ? 0 : total / boxes};
}

/** Mean sizes; a cluster that has lost all of its boxes stays where it is. */
function centres(
  sizes: Float64Array,
  clusters: Int32Array,
  anchors: readonly AnchorSize[],
): readonly AnchorSize[] {
  const sums = anchors.map(() => ({width: 0, height: 0, boxes: 0}));
  for (const [i, cluster] of clusters.entries()) {
    const sum = sums[cluster]!;
    sum.width += sizes[2 * i]!;
    sum.height += sizes[2 * i + 1]!;
    sum.boxes++;
  }
  return sums.map(({width, height, boxes}, i) =>
    boxes === 0 ? anchors[i]! : ([width / boxes, height / boxes] as const),
  );
}
