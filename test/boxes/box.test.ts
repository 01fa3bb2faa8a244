import test from 'ava';
import {
  boxArea,
  boxCount,
  boxIou,
  crowdIou,
  gatherBoxes,
  intersectionArea,
  xywhToXyxy,
  xyxyToXywh,
} from '../../src/boxes/box.js';
import {singlePrecisionIou} from '../../src/engine/host/iou.js';

const unit = Float64Array.of(0, 0, 10, 10);

test('area, intersection and IoU of two overlapping squares', t => {
  const shifted = Float64Array.of(5, 5, 15, 15);
  t.is(boxCount(unit), 1);
  t.is(boxArea(unit, 0), 100);
  t.is(intersectionArea(unit, 0, shifted, 0), 25);
  t.is(boxIou(unit, 0, shifted, 0), 25 / 175);
  t.is(boxIou(unit, 0, unit, 0), 1);
});

test('boxes that only touch, or lie apart, have IoU 0', t => {
  t.is(boxIou(unit, 0, Float64Array.of(10, 0, 20, 10), 0), 0);
  t.is(boxIou(unit, 0, Float64Array.of(20, 20, 30, 30), 0), 0);
  t.is(singlePrecisionIou(0, 0, 10, 10, Float32Array.of(10, 0, 20, 10), 0), 0);
});

test('boxes without area have IoU 0, also with themselves, never NaN', t => {
  const empty = Float64Array.of(3, 3, 3, 8, 7, 7, 2, 2); // a line, and corners in the wrong order
  for (const i of [0, 1]) {
    t.is(boxArea(empty, i), 0);
    t.is(boxIou(empty, i, empty, i), 0);
    t.is(boxIou(unit, 0, empty, i), 0);
    t.is(crowdIou(empty, i, unit, 0), 0);
  }
  t.is(singlePrecisionIou(3, 3, 3, 8, Float32Array.of(3, 3, 3, 8), 0), 0);
});

test('the overlap with a crowd region is the fraction of the detection inside of it', t => {
  const crowd = Float64Array.of(5, 0, 500, 500);
  t.is(crowdIou(unit, 0, crowd, 0), 0.5);
});

test('single-precision IoU rounds every operation: a third of boxes of side 0.1 is not the double 1 / 3', t => {
  const a = Float32Array.of(0.1, 0.1, 0.2, 0.2);
  const b = Float32Array.of(0.1, 0.15, 0.2, 0.25);
  const single = singlePrecisionIou(a[0]!, a[1]!, a[2]!, a[3]!, b, 0);
  t.is(single, Math.fround(single));
  t.true(Math.abs(single - boxIou(a, 0, b, 0)) < 2e-7);
});

test('XYWH and XYXY convert into each other and keep their precision', t => {
  const xywh = Float64Array.of(1, 2, 3, 4, 10, 20, 0, 0);
  const xyxy = xywhToXyxy(xywh);
  t.deepEqual(xyxy, Float64Array.of(1, 2, 4, 6, 10, 20, 10, 20));
  t.deepEqual(xyxyToXywh(xyxy), xywh);
  t.true(xywhToXyxy(new Float32Array(4)) instanceof Float32Array);
  t.is(xywhToXyxy(new Float32Array(0)).length, 0);
});

test('boxes are gathered by index, in the order of the indices', t => {
  const boxes = Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3);
  t.deepEqual(gatherBoxes(boxes, [1, 0, 1]), Float32Array.of(2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3));
  t.is(gatherBoxes(boxes, []).length, 0);
});
