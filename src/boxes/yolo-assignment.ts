/**
 * Which prediction of YOLOv3 learns which object (Redmon and Farhadi 2018, Sec. 2.1, and darknet's yolo layer): of all
 * anchors of all levels the one whose size fits the object best, in the cell that holds the object's centre. Every object
 * has exactly one. The other predictions are background, except those whose box happens to be good already: what they should
 * have said is left open.
 */
import {boxIou, gatherBoxes} from './box.js';
import {BACKGROUND, IGNORED, type Matches, type Objects} from './matcher.js';
import {decodeYolo} from './yolo-coder.js';
import {cellsOf, type GridLevel, type YoloGrid} from './yolo-grid.js';

/** IoU of boxes of these sizes with a common centre. */
export function sizeIou(width: number, height: number, otherWidth: number, otherHeight: number): number {
  const intersection = Math.min(width, otherWidth) * Math.min(height, otherHeight);
  return intersection / (width * height + otherWidth * otherHeight - intersection);
}

/**
 * The prediction that each object is learned by; of anchors that fit equally well the first. An object without area has
 * none: -1.
 * @param boxes XYXY in pixels of the grid's canvas [G, 4]; a centre outside of it counts as on its border
 * @returns indices of predictions [G]; objects with the same anchor in the same cell share one
 */
export function assignedPredictions({levels}: YoloGrid, boxes: Float32Array): Int32Array {
  const assigned = new Int32Array(boxes.length / 4).fill(-1);
  for (let g = 0; g < assigned.length; g++) {
    const left = boxes[4 * g]!;
    const top = boxes[4 * g + 1]!;
    const width = boxes[4 * g + 2]! - left;
    const height = boxes[4 * g + 3]! - top;
    if (!(width > 0 && height > 0)) continue;
    let best = 0;
    for (const level of levels) {
      for (const [k, anchor] of level.anchors.entries()) {
        const iou = sizeIou(width, height, anchor[0], anchor[1]);
        if (!(iou > best)) continue;
        best = iou;
        assigned[g] = predictionAt(level, left + width / 2, top + height / 2, k);
      }
    }
  }
  return assigned;
}

/** The prediction of anchor `k` in the cell that holds a point. */
function predictionAt(level: GridLevel, x: number, y: number, k: number): number {
  const column = cellAt(x, level.stride, level.width);
  const row = cellAt(y, level.stride, level.height);
  return level.start + (row * level.width + column) * level.anchors.length + k;
}

function cellAt(position: number, stride: number, cells: number): number {
  return Math.min(Math.max(Math.floor(position / stride), 0), cells - 1);
}

/** Predictions whose box overlaps an object, each once, with the object that it overlaps most. */
export type Overlapping = {
  readonly predictions: Int32Array; // [n]
  readonly objects: Int32Array; // [n]
  readonly ious: Float64Array; // [n]
};

/**
 * The predicted boxes of an image whose best IoU with any object exceeds a threshold.
 * @param logits of the boxes [A, 4]
 * @param boxes of the objects, XYXY in pixels of the grid's canvas [G, 4]
 * @param threshold above 0, to 1
 */
export function overlappingPredictions(
  grid: YoloGrid,
  logits: Float32Array,
  boxes: Float32Array,
  threshold: number,
): Overlapping {
  const best = new Map<number, {object: number; iou: number}>();
  for (let object = 0; 4 * object < boxes.length; object++) {
    const near = predictionsLike(grid, logits, boxes.subarray(4 * object, 4 * object + 4), threshold);
    const predicted = decodeYolo(gatherBoxes(logits, near), cellsOf(grid, near));
    for (const [i, prediction] of near.entries()) {
      const iou = boxIou(predicted, i, boxes, object);
      if (iou > threshold && iou > (best.get(prediction)?.iou ?? 0)) best.set(prediction, {object, iou});
    }
  }
  const found = [...best];
  return {
    predictions: Int32Array.from(found, ([prediction]) => prediction),
    objects: Int32Array.from(found, ([, {object}]) => object),
    ious: Float64Array.from(found, ([, {iou}]) => iou),
  };
}

/** Keeps what rounding could have put on the other side of a bound. */
const SLACK = 1e-5;

/**
 * The predictions that may have an IoU above `threshold` with a box, and some others. In either direction such an IoU t
 * needs an intersection of more than t times the longer of the two sides. So one side is at most 1 / t times the other, which
 * logits show without being decoded; and the centres are less than (1 - t) max(1, 1 / (2 t)) of the box's side apart, which
 * few cells are, since a predicted centre lies in its cell.
 */
function predictionsLike(
  {levels}: YoloGrid,
  logits: Float32Array,
  box: Float32Array,
  threshold: number,
): Int32Array {
  const reach = (1 - threshold) * Math.max(1, 1 / (2 * threshold));
  const within = SLACK - Math.log(threshold);
  const [left, top, right, bottom] = [box[0]!, box[1]!, box[2]!, box[3]!];
  const found: number[] = [];
  for (const {stride, width, height, anchors, start} of levels) {
    const range = (low: number, high: number, cells: number) => {
      const centre = (low + high) / 2;
      const distance = reach * (high - low);
      return [cellAt(centre - distance, stride, cells), cellAt(centre + distance, stride, cells)] as const;
    };
    const [firstColumn, lastColumn] = range(left, right, width);
    const [firstRow, lastRow] = range(top, bottom, height);
    for (const [k, anchor] of anchors.entries()) {
      const logWidth = Math.log((right - left) / anchor[0]);
      const logHeight = Math.log((bottom - top) / anchor[1]);
      for (let row = firstRow; row <= lastRow; row++) {
        for (let column = firstColumn; column <= lastColumn; column++) {
          const prediction = start + (row * width + column) * anchors.length + k;
          if (!(Math.abs(logits[4 * prediction + 2]! - logWidth) <= within)) continue;
          if (Math.abs(logits[4 * prediction + 3]! - logHeight) <= within) found.push(prediction);
        }
      }
    }
  }
  return Int32Array.from(found);
}

export type AssignmentRule = {
  /** Predicted boxes whose IoU with an object exceeds this are no background; null: all but the assigned ones are. */
  readonly ignoreThreshold: number | null;
  /** Those that exceed this learn the object too; 1: none. */
  readonly truthThreshold: number;
};

/** The IoU that matters first: below it the predictions need not be known. 1 where nothing depends on them. */
export function overlapThreshold({ignoreThreshold, truthThreshold}: AssignmentRule): number {
  return Math.min(ignoreThreshold ?? 1, truthThreshold);
}

export type YoloMatches = Matches & {
  /** What predictions that several objects share should say besides their label: they answer yes to several classes. */
  readonly furtherClasses: readonly {readonly prediction: number; readonly classNumber: number}[];
};

/**
 * Labels every prediction of an image. A prediction that several objects share has the box and the label of the last of
 * them, and the classes of all, as in darknet.
 * @param logits of the boxes [A, 4]; needed where `overlapThreshold` is below 1
 */
export function matchPredictions(
  grid: YoloGrid,
  objects: Objects,
  rule: AssignmentRule,
  logits: Float32Array | undefined,
): YoloMatches {
  const labels = new Int32Array(grid.predictions).fill(BACKGROUND);
  const matches = new Int32Array(grid.predictions).fill(-1);
  const classesOf = new Map<number, Set<number>>();
  const learn = (prediction: number, object: number): void => {
    labels[prediction] = objects.classes[object]!;
    matches[prediction] = object;
    const classes = classesOf.get(prediction) ?? new Set();
    classesOf.set(prediction, classes.add(objects.classes[object]!));
  };

  if (logits !== undefined) {
    const near = overlappingPredictions(grid, logits, objects.boxes, overlapThreshold(rule));
    for (const [i, prediction] of near.predictions.entries()) {
      if (near.ious[i]! > rule.truthThreshold) learn(prediction, near.objects[i]!);
      else labels[prediction] = IGNORED;
    }
  }
  for (const [object, prediction] of assignedPredictions(grid, objects.boxes).entries()) {
    if (prediction >= 0) learn(prediction, object);
  }
  const furtherClasses = [...classesOf].flatMap(([prediction, classes]) =>
    [...classes]
      .filter(classNumber => classNumber !== labels[prediction])
      .map(classNumber => ({prediction, classNumber})),
  );
  return {labels, matches, furtherClasses};
}
