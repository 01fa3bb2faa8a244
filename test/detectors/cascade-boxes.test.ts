/** Boxes between the subnets of a cascade: how they are labelled, refined and, in the end, scored. */
import test from 'ava';
import {averaged, refinedBoxes} from '../../src/detectors/cascade-rcnn.js';
import {labelRois} from '../../src/detectors/rois.js';
import {near} from '../near.js';
import {smallCascade} from './small-rcnn.js';

test('the subnets label boxes at an IoU of 0.5, 0.6 and 0.7, which counts as foreground', t => {
  // IoU with 0, 0, 10, 10 is a tenth of the height.
  const heights = [4.9, 5, 5.9, 6, 6.9, 7, 9];
  const rois = {
    boxes: Float32Array.from(heights.flatMap(height => [0, 0, 10, height])),
    imageOf: new Int32Array(heights.length),
  };
  const targets = [{boxes: Float32Array.of(0, 0, 10, 10), classes: Int32Array.of(2)}];
  const labels = smallCascade.roi.stages.map(({matcher}) => [...labelRois(rois, targets, matcher).labels]);
  t.deepEqual(labels, [
    [0, 2, 2, 2, 2, 2, 2],
    [0, 0, 0, 2, 2, 2, 2],
    [0, 0, 0, 0, 0, 2, 2],
  ]);
});

const WEIGHTS: [number, number, number, number] = [10, 10, 5, 5];
const CANVAS = {width: 50, height: 40};

test('refined boxes are decoded and cut to the image, and stay where nothing is left of them', t => {
  const outputs = {
    boxes: Float32Array.of(10, 10, 20, 20, 10, 10, 20, 20, 10, 10, 20, 20),
    probabilities: new Float32Array(12),
    // Half a width to the right; 2.5 heights down, to 35..45; two widths to the left, out of the image.
    deltas: Float32Array.of(5, 0, 0, 0, 0, 25, 0, 0, -20, 0, 0, 0),
  };
  const boxes = refinedBoxes(outputs, WEIGHTS, CANVAS, true);
  near(t, boxes, [15, 10, 25, 20, 10, 35, 20, 40, 0, 10, 0, 20]);
});

test('of class-specific boxes the likeliest class but background moves the box, the first of equal ones', t => {
  const shift = (widths: number) => [10 * widths, 0, 0, 0];
  const outputs = {
    boxes: Float32Array.of(10, 10, 20, 20, 10, 10, 20, 20, 10, 10, 20, 20),
    probabilities: Float32Array.of(0.7, 0.1, 0.2, 0.2, 0.3, 0.3, 0.2, 0.2, Number.NaN, Number.NaN, 0, 0),
    deltas: Float32Array.from([1, 2, 3, -1, 0.5, 0, 0.1, 0.2, 0.3].flatMap(shift)),
  };
  const boxes = refinedBoxes(outputs, WEIGHTS, CANVAS, false);
  near(t, boxes, [30, 10, 40, 20, 0, 10, 10, 20, 11, 10, 21, 20]);
});

test('an image without boxes is refined to none', t => {
  const nothing = {
    boxes: new Float32Array(0),
    probabilities: new Float32Array(0),
    deltas: new Float32Array(0),
  };
  for (const agnostic of [true, false]) t.is(refinedBoxes(nothing, WEIGHTS, CANVAS, agnostic).length, 0);
  t.deepEqual(averaged([nothing, nothing]), nothing);
});

test('probabilities are the mean over the subnets, boxes and deltas are those of the last', t => {
  const outputs = [0.1, 0.4, 0.7].map((p, index) => ({
    boxes: new Float32Array(8).fill(index),
    probabilities: Float32Array.of(1 - p, p, 1, 0),
    deltas: new Float32Array(8).fill(10 * index),
  }));
  const {boxes, probabilities, deltas} = averaged(outputs);
  near(t, probabilities, [0.6, 0.4, 1, 0]);
  t.deepEqual([boxes, deltas], [outputs[2]!.boxes, outputs[2]!.deltas]);
});
