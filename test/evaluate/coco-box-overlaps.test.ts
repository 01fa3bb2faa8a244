/** Box overlaps one by one against pycocotools' maskUtils.iou: boxes of no size and negative size among them. */
import test from 'ava';
import type {CocoGroundTruth, CocoResults} from '../../src/evaluate/coco-data.js';
import {boxOverlaps} from '../../src/evaluate/coco-overlaps.js';
import {maskReference} from '../masks/mask-reference.js';

(maskReference === undefined ? test.skip : test)(
  'box overlaps of the reference, with and without crowds',
  t => {
    const {dt, gt, iscrowd, notCrowd, withCrowd} = maskReference!.boxIou;
    const overlaps = (isCrowd: readonly number[]) => {
      const crowd = Uint8Array.from(isCrowd);
      const groundTruth: CocoGroundTruth = {
        imageIds: Float64Array.of(1),
        categories: [{id: 1, name: 'thing'}],
        ids: Float64Array.from(gt, (_, i) => i + 1),
        imageOf: new Float64Array(gt.length).fill(1),
        categoryOf: new Float64Array(gt.length).fill(1),
        boxes: Float64Array.from(gt.flat()),
        areas: new Float64Array(gt.length),
        crowd,
        ignore: crowd,
      };
      const results: CocoResults = {
        imageOf: new Float64Array(dt.length).fill(1),
        categoryOf: new Float64Array(dt.length).fill(1),
        boxes: Float64Array.from(dt.flat()),
        scores: new Float64Array(dt.length),
        areas: new Float64Array(dt.length),
      };
      const rows = (count: number) => Int32Array.from({length: count}, (_, i) => i);
      return [...boxOverlaps(groundTruth, results)(rows(dt.length), rows(gt.length))];
    };
    t.deepEqual(overlaps(iscrowd.map(() => 0)), notCrowd.flat());
    t.deepEqual(overlaps(iscrowd), withCrowd.flat());
  },
);
