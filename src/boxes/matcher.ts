/**
 * Labels of anchors from the objects of an image: Ren et al., "Faster R-CNN", Sec. 3.1.2, as maskrcnn-benchmark and
 * torchvision have it. An anchor is foreground when its best IoU reaches `foreground`, background when it stays below
 * `background`, ignored in between.
 *
 * Low-quality matches compare IoUs for equality. Which anchors tie is decided by the rounding, so IoU is taken in single
 * precision as torchvision takes it.
 */
import type {MatcherConfig} from '../config/network.js';
import {singlePrecisionIou} from '../engine/host/iou.js';
import {UsageError} from '../errors.js';
import {anchorBlocks, iouBound} from './anchor-blocks.js';

const fround = Math.fround;

export const IGNORED = -1;
export const BACKGROUND = 0;

export type Objects = {
  readonly boxes: Float32Array; // [G, 4]
  readonly classes: Int32Array; // [G], 1..C
};

export type Matches = {
  /** -1 ignored, 0 background, else the class of the object. */
  readonly labels: Int32Array; // [A]
  /** Index of the object of a foreground anchor, -1 for all others. */
  readonly matches: Int32Array; // [A]
};

export type MatchCounts = {readonly foreground: number; readonly ignored: number};

/**
 * Labels every anchor of an image. Of two objects with the same IoU the first is taken. With `lowQuality`, all anchors
 * tied at the best IoU that an object has with any anchor become foreground and get their own best object, which may
 * be another one. An object that no anchor overlaps (or without an area) re-enables none: torchvision would turn every
 * anchor into foreground there, all being tied at 0.
 *
 * Memory is O(A), never A x G. `anchors` [A, 4] is indexed once and must not be written to afterwards.
 * @throws UsageError when the background threshold is above the foreground one.
 */
export function matchAnchors(anchors: Float32Array, objects: Objects, config: MatcherConfig): Matches {
  const {best, object, near, lowQuality} = findMatches(anchors, objects.boxes, config);
  const foreground = fround(config.foreground);
  const labels = new Int32Array(anchors.length / 4).fill(BACKGROUND);
  const matches = new Int32Array(anchors.length / 4).fill(-1);
  const setForeground = (anchor: number): void => {
    matches[anchor] = object[anchor]!;
    labels[anchor] = objects.classes[object[anchor]!]!;
  };
  for (const anchor of near) {
    if (best[anchor]! >= foreground) setForeground(anchor);
    else if (config.ignoreBand === 'skip') labels[anchor] = IGNORED;
  }
  for (const anchor of lowQuality) setForeground(anchor);
  return {labels, matches};
}

/** How many anchors `matchAnchors` would label foreground and ignored, without making the labels. */
export function countMatches(anchors: Float32Array, boxes: Float32Array, config: MatcherConfig): MatchCounts {
  const {best, near, lowQuality} = findMatches(anchors, boxes, config);
  const foreground = fround(config.foreground);
  let aboveForeground = 0;
  for (const anchor of near) if (best[anchor]! >= foreground) aboveForeground++;
  let enabledBelow = 0;
  let enabledFromBand = 0;
  for (const anchor of lowQuality) {
    if (best[anchor]! >= foreground) continue;
    enabledBelow++;
    if (best[anchor]! >= fround(config.background)) enabledFromBand++;
  }
  const inBand = near.length - aboveForeground - enabledFromBand;
  return {foreground: aboveForeground + enabledBelow, ignored: config.ignoreBand === 'skip' ? inBand : 0};
}

type Found = {
  /** Best IoU of an anchor with any object, exact for `near` and `lowQuality` anchors; 0 for the others. */
  readonly best: Float32Array; // [A]
  /** The object it is reached with. */
  readonly object: Int32Array; // [A]
  /** Anchors whose best IoU is at least `background`, each once. */
  readonly near: readonly number[];
  /** Anchors tied at the best IoU of an object, each once. */
  readonly lowQuality: ReadonlySet<number>;
};

function findMatches(anchors: Float32Array, boxes: Float32Array, config: MatcherConfig): Found {
  if (config.background > config.foreground) {
    throw new UsageError(
      `matcher: background ${config.background} is above foreground ${config.foreground}; swap or lower it`,
    );
  }
  const background = fround(config.background);
  const anchorCount = anchors.length / 4;
  const blocks = anchorBlocks(anchors);
  const best = new Float32Array(anchorCount);
  const object = new Int32Array(anchorCount);
  const near: number[] = [];
  const tied: number[] = [];

  for (let g = 0; 4 * g < boxes.length; g++) {
    const x1 = boxes[4 * g]!;
    const y1 = boxes[4 * g + 1]!;
    const x2 = boxes[4 * g + 2]!;
    const y2 = boxes[4 * g + 3]!;
    if (!(x2 > x1 && y2 > y1)) continue;
    const area = (x2 - x1) * (y2 - y1);
    const firstTied = tied.length;
    let bestOfObject = 0;
    // Most objects have an anchor above the background threshold, and then their best one is found among those alone.
    // Only for the others a second search looks for the best of all anchors.
    for (const below of config.lowQuality ? [false, true] : [false]) {
      if (below && bestOfObject >= background) break;
      tied.length = firstTied;
      for (let block = 0; block < blocks.count; block++) {
        const bound = iouBound(blocks, block, x1, y1, x2, y2, area);
        if (bound === 0 || bound < (below ? bestOfObject : background)) continue;
        const end = Math.min((block + 1) * blocks.size, anchorCount);
        for (let a = block * blocks.size; a < end; a++) {
          const iou = singlePrecisionIou(x1, y1, x2, y2, anchors, a);
          if (iou === 0) continue;
          if (iou >= background && iou > best[a]!) {
            if (best[a] === 0) near.push(a);
            best[a] = iou;
            object[a] = g;
          }
          if (iou > bestOfObject) {
            bestOfObject = iou;
            tied.length = firstTied;
          }
          if (iou === bestOfObject) tied.push(a);
        }
      }
    }
  }
  const lowQuality = new Set(config.lowQuality ? tied : []);
  // The search above kept no IoU below the background threshold, so these anchors have yet to find their best object.
  for (const anchor of lowQuality) {
    if (best[anchor]! > 0) continue;
    const own = ownBest(anchors, anchor, boxes);
    best[anchor] = own.iou;
    object[anchor] = own.object;
  }
  return {best, object, near, lowQuality};
}

/** The object with the highest IoU with an anchor, the first of equal ones. */
function ownBest(anchors: Float32Array, anchor: number, boxes: Float32Array): {iou: number; object: number} {
  const [x1, y1, x2, y2] = anchors.subarray(4 * anchor, 4 * anchor + 4);
  let best = {iou: 0, object: 0};
  for (let g = 0; 4 * g < boxes.length; g++) {
    const iou = singlePrecisionIou(x1!, y1!, x2!, y2!, boxes, g);
    if (iou > best.iou) best = {iou, object: g};
  }
  return best;
}
