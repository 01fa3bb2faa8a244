/** From probabilities and deltas to detections, on boxes of one image that are set by hand. */
import test from 'ava';
import {inFilePixels, type RoiOutputs, roiDetections} from '../../src/detectors/roi-detections.js';

const IMAGE = {width: 100, height: 80};

const options = {
  boxWeights: [10, 10, 5, 5] as [number, number, number, number],
  classAgnostic: true,
  scoreThreshold: 0.25,
  nmsThreshold: 0.5,
  maxDetections: 10,
};

/** Boxes with their probabilities (background first) and deltas; by default they stay as they are. */
const outputs = (
  rois: readonly {box: readonly number[]; p: readonly number[]; deltas?: readonly number[]}[],
): RoiOutputs => ({
  boxes: Float32Array.from(rois.flatMap(({box}) => [...box])),
  probabilities: Float32Array.from(rois.flatMap(({p}) => [...p])),
  deltas: Float32Array.from(rois.flatMap(({deltas}) => [...(deltas ?? [0, 0, 0, 0])])),
});

const read = (found: ReturnType<typeof roiDetections>) =>
  Array.from(found.classes, (cls, i) => ({
    cls,
    score: found.scores[i]!,
    box: [...found.boxes.subarray(4 * i, 4 * i + 4)],
  }));

const BOX = [10, 10, 30, 30];
const FAR = [50, 40, 70, 60];

test('a class is found where its probability exceeds the threshold, background never, by falling score', t => {
  const found = roiDetections(
    outputs([
      {box: BOX, p: [0.125, 0.25, 0.625]}, // class 1 is at the threshold
      {box: FAR, p: [0.9, 0.03, 0.07]},
      {box: [0, 0, 8, 8], p: [0, 0.75, 0.25]},
    ]),
    IMAGE,
    options,
  );
  t.deepEqual(read(found), [
    {cls: 1, score: 0.75, box: [0, 0, 8, 8]},
    {cls: 2, score: 0.625, box: BOX},
  ]);
});

test('of class-specific boxes every class has its own', t => {
  // Half a width right for class 1, half a height down for class 2.
  const rois = outputs([
    {box: BOX, p: [0, 0.5, 0.5], deltas: [5, 0, 0, 0, 0, 5, 0, 0]},
    {box: FAR, p: [0, 0.1, 0.375], deltas: [5, 0, 0, 0, -5, -5, 0, 0]},
  ]);
  t.deepEqual(read(roiDetections(rois, IMAGE, {...options, classAgnostic: false})), [
    {cls: 1, score: 0.5, box: [20, 10, 40, 30]},
    {cls: 2, score: 0.5, box: [10, 20, 30, 40]},
    {cls: 2, score: 0.375, box: [40, 30, 60, 50]},
  ]);
});

test('of class-agnostic boxes all classes share one', t => {
  const rois = outputs([{box: BOX, p: [0, 0.5, 0.5], deltas: [5, 0, 0, 0]}]);
  t.deepEqual(
    read(roiDetections(rois, IMAGE, options)).map(({cls, box}) => [cls, ...box]),
    [
      [1, 20, 10, 40, 30],
      [2, 20, 10, 40, 30],
    ],
  );
});

test('boxes suppress those of their class only, at an IoU above the threshold', t => {
  // IoU with 0, 0, 20, 20: 0.5 of half the height, 0.6 of three fifths.
  const rois = outputs([
    {box: [0, 0, 20, 20], p: [0, 0.75, 0.25]},
    {box: [0, 0, 20, 10], p: [0, 0.5, 0.25]},
    {box: [0, 0, 20, 12], p: [0, 0.625, 0.375]},
  ]);
  const found = read(roiDetections(rois, IMAGE, options)).map(({cls, score}) => [cls, score]);
  // The third goes beside the first in class 1; in class 2 it is alone above the threshold of 0.25.
  t.deepEqual(found, [
    [1, 0.75],
    [1, 0.5],
    [2, 0.375],
  ]);
});

test('the best are kept over all classes, equal ones in their order', t => {
  const rois = outputs([
    {box: BOX, p: [0, 0.5, 0.375]},
    {box: FAR, p: [0, 0.375, 0.625]},
  ]);
  const best = (maxDetections: number) =>
    read(roiDetections(rois, IMAGE, {...options, maxDetections})).map(({cls, box}) => [cls, box[0]]);
  t.deepEqual(best(1), [[2, 50]]);
  t.deepEqual(best(3), [
    [2, 50],
    [1, 10],
    [2, 10],
  ]);
  t.is(best(10).length, 4);
});

test('boxes are cut to the image before they compete, and go where nothing is left', t => {
  const rois = outputs([
    {box: [80, 0, 100, 20], p: [0, 0.5], deltas: [5, 0, 0, 0]}, // 90..110 -> 90..100
    {box: [80, 0, 100, 20], p: [0, 0.75], deltas: [10, 0, 0, 0]}, // 100..120 -> nothing
    {box: [90, 0, 100, 20], p: [0, 0.375]}, // what the first is cut to
  ]);
  t.deepEqual(read(roiDetections(rois, IMAGE, options)), [{cls: 1, score: 0.5, box: [90, 0, 100, 20]}]);
});

test('no boxes, and probabilities that are not numbers, give no detections', t => {
  for (const rois of [outputs([]), outputs([{box: BOX, p: [Number.NaN, Number.NaN]}])]) {
    const {boxes, scores, classes} = roiDetections(rois, IMAGE, options);
    t.deepEqual([boxes.length, scores.length, classes.length], [0, 0, 0]);
  }
});

test('file pixels are those of the batch divided by the scales', t => {
  const size = {height: 80, width: 100, originalHeight: 160, originalWidth: 400};
  const {imageId, boxes} = inFilePixels(
    {boxes: Float32Array.from(BOX), scores: Float32Array.of(1), classes: Int32Array.of(1)},
    {imageId: 7, ...size, scaleX: 0.25, scaleY: 0.5},
  );
  t.is(imageId, 7);
  t.deepEqual([...boxes], [40, 20, 120, 60]);
});
