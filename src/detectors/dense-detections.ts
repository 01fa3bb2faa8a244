/** From the dense predictions of one image to its detections (Lin et al. 2017, Sec. 4, "Inference"). */
import {gatherBoxes} from '../boxes/box.js';
import {clipBoxes, decodeBoxes} from '../boxes/box-coder.js';
import type {RetinaNetConfig} from '../config/run.js';
import type {ImageInfo} from '../data/batch.js';
import {classwiseNms} from '../engine/host/nms.js';
import {topK} from '../engine/host/top-k.js';
import type {Detections} from './detector.js';

export type DenseImagePredictions = {
  readonly logits: Float32Array; // [A, C]
  readonly deltas: Float32Array; // [A, 4]
  readonly anchors: Float32Array; // [A, 4]
  /** Anchors of every level, in order. */
  readonly levelCounts: readonly number[];
  readonly classes: number;
};

export type DenseInferenceOptions = RetinaNetConfig['inference'] & {
  readonly boxWeights: RetinaNetConfig['boxCoder']['weights'];
  /** Scores must exceed this. */
  readonly scoreThreshold: number;
};

/** Anchor, class and logit of what passed the threshold, in parallel arrays. */
type Candidates = {readonly anchors: Int32Array; readonly classes: Int32Array; readonly logits: Float32Array};

/**
 * Scores above the threshold, at most `preNmsTopK` (anchor, class) pairs a level, decoded, clipped to the image,
 * non-maximum suppression a class, at most `maxDetections`; boxes in pixels of the image file.
 */
export function denseDetections(
  predictions: DenseImagePredictions,
  info: ImageInfo,
  options: DenseInferenceOptions,
): Detections {
  const {scoreThreshold: theta} = options;
  /** sigmoid(z) > theta, asked of the logit: no exponential for the vast majority. */
  const minLogit = theta <= 0 ? Number.NEGATIVE_INFINITY : Math.log(theta / (1 - theta));
  const boxes: number[] = [];
  const scores: number[] = [];
  const classes: number[] = [];

  let start = 0;
  for (const count of predictions.levelCounts) {
    const level = strongest(candidatesOf(predictions, start, start + count, minLogit), options.preNmsTopK);
    const deltas = gatherBoxes(predictions.deltas, level.anchors);
    const decoded = decodeBoxes(deltas, gatherBoxes(predictions.anchors, level.anchors), options.boxWeights);
    const clipped = clipBoxes(decoded, {width: info.width, height: info.height});
    for (let i = 0; i < level.logits.length; i++) {
      const [x1, y1, x2, y2] = [
        clipped[4 * i]!,
        clipped[4 * i + 1]!,
        clipped[4 * i + 2]!,
        clipped[4 * i + 3]!,
      ];
      if (!(x2 > x1 && y2 > y1)) continue;
      boxes.push(x1, y1, x2, y2);
      scores.push(1 / (1 + Math.exp(-level.logits[i]!)));
      classes.push(level.classes[i]! + 1);
    }
    start += count;
  }

  const allBoxes = Float32Array.from(boxes);
  const allScores = Float32Array.from(scores);
  const allClasses = Int32Array.from(classes);
  const kept = classwiseNms(allBoxes, allScores, allClasses, options.nmsThreshold, options.maxDetections);
  return {
    imageId: info.imageId,
    boxes: toFilePixels(gatherBoxes(allBoxes, kept), info),
    scores: Float32Array.from(kept, index => allScores[index]!),
    classes: Int32Array.from(kept, index => allClasses[index]!),
  };
}

function candidatesOf(
  {logits, classes}: DenseImagePredictions,
  firstAnchor: number,
  endAnchor: number,
  minLogit: number,
): Candidates {
  const first = firstAnchor * classes;
  const end = endAnchor * classes;
  let count = 0;
  for (let i = first; i < end; i++) if (logits[i]! > minLogit) count++;
  const found = {
    anchors: new Int32Array(count),
    classes: new Int32Array(count),
    logits: new Float32Array(count),
  };
  let next = 0;
  for (let i = first; i < end; i++) {
    const logit = logits[i]!;
    if (!(logit > minLogit)) continue;
    const anchor = Math.floor(i / classes);
    found.anchors[next] = anchor;
    found.classes[next] = i - anchor * classes;
    found.logits[next] = logit;
    next++;
  }
  return found;
}

function strongest(candidates: Candidates, k: number): Candidates {
  if (candidates.logits.length <= k) return candidates;
  const kept = topK(candidates.logits, k).sort();
  return {
    anchors: kept.map(index => candidates.anchors[index]!),
    classes: kept.map(index => candidates.classes[index]!),
    logits: Float32Array.from(kept, index => candidates.logits[index]!),
  };
}

function toFilePixels(boxes: Float32Array, info: ImageInfo): Float32Array {
  return boxes.map((value, i) => (i % 2 === 0 ? value / info.scaleX : value / info.scaleY));
}
