import test from 'ava';
import {evaluateCoco} from '../../src/evaluate/coco-eval.js';
import type {CocoParameters} from '../../src/evaluate/coco-parameters.js';
import {formatCocoStats, statsJson} from '../../src/evaluate/text.js';
import {groundTruthOf, resultsOf} from './scenes.js';

const groundTruth = groundTruthOf([1], [1], [{id: 1, image: 1, category: 1, box: [0, 0, 50, 50]}]);
const results = resultsOf([{image: 1, category: 1, box: [0, 0, 50, 40], score: 0.5}]); // IoU 0.8: seven thresholds of ten

test('The table says of every figure what it averages over', t => {
  t.is(
    formatCocoStats(evaluateCoco(groundTruth, results)),
    `bbox, maxDets 1,10,100
       IoU        area    maxDets  value
AP     0.50:0.95  all         100  0.700
AP50   0.50       all         100  1.000
AP75   0.75       all         100  1.000
APs    0.50:0.95  small       100      -
APm    0.50:0.95  medium      100  0.700
APl    0.50:0.95  large       100      -
AR1    0.50:0.95  all           1  0.700
AR10   0.50:0.95  all          10  0.700
AR100  0.50:0.95  all         100  0.700
ARs    0.50:0.95  small       100      -
ARm    0.50:0.95  medium      100  0.700
ARl    0.50:0.95  large       100      -

category     AP   AP50   AP75  APs    APm  APl  AR100  objects  detections
class 1   0.700  1.000  1.000    -  0.700    -  0.700        1           1
`,
  );
});

test('With other maxDets AP is the one at the largest, beside what pycocotools prints', t => {
  const text = formatCocoStats(evaluateCoco(groundTruth, results, {maxDetections: [5, 50, 500]}));
  t.regex(text, /^bbox, maxDets 5,50,500$/m);
  t.regex(
    text,
    /^AP {5}0\.50:0\.95 {2}all {9}500 {2}0\.700 {2}\(pycocotools prints -1\.000: its AP is the one at maxDets 100\)$/m,
  );
  t.regex(text, /^AR5 {4}0\.50:0\.95 {2}all {11}5 {2}0\.700$/m);
  t.regex(text, /^AR500 {2}0\.50:0\.95 {2}all {9}500 {2}0\.700$/m);
  t.regex(text, /^category .* AR500 {2}objects/m);
});

test('One maxDets has one AR, in the table and for each category', t => {
  const text = formatCocoStats(evaluateCoco(groundTruth, results, {maxDetections: [300]}));
  t.regex(text, /^AP .* 300 {2}0\.700 {2}\(pycocotools sums up three values of maxDets only\)$/m);
  t.is(text.match(/^AR\d+ /gm)?.length, 1);
  t.regex(text, /^class 1 .* 0\.700 {8}1 {11}1$/m);
});

test('The heading and the column of IoU thresholds say what was chosen', t => {
  const chosen = (changes: Partial<CocoParameters>) =>
    formatCocoStats(evaluateCoco(groundTruth, results, changes)).split('\n');
  t.is(
    chosen({useCategories: false, imageIds: [1], categoryIds: [1]})[0],
    'bbox, maxDets 1,10,100, all categories as one, 1 image, 1 category',
  );
  // IoU 0.8: found at 0.5 and at 0.75
  t.regex(chosen({iouThresholds: [0.5, 0.75]})[2]!, /^AP {5}0\.50,0\.75 {2}all {9}100 {2}1\.000$/);
  t.regex(chosen({iouThresholds: [0.5]})[2]!, /^AP {5}0\.50 {2}all/);
  t.regex(
    chosen({iouThresholds: [0.1, 0.3, 0.5, 0.7, 0.9]})[2]!,
    /^AP {5}0\.10\.\.0\.90 {2}all {9}100 {2}0\.800$/,
  );
});

test('JSON has the twelve figures by name and every category, -1 for none', t => {
  const json = statsJson(evaluateCoco(groundTruth, results));
  t.deepEqual(Object.keys(json.stats), [
    ...['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl'],
    ...['AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl'],
  ]);
  t.is(json.stats.APs, -1);
  t.like(json.perCategory[0], {id: 1, name: 'class 1', APl: -1, groundTruths: 1, detections: 1});
  t.is(json.apAtLargestMaxDets, json.stats.AP);
  t.like(json.parameters, {iouType: 'bbox', maxDetections: [1, 10, 100], useCategories: true, images: null});
});
