import test from 'ava';
import {evaluateCoco} from '../../src/evaluate/coco-eval.js';
import {formatCocoStats, statsJson} from '../../src/evaluate/text.js';
import {groundTruthOf, resultsOf} from './scenes.js';

const groundTruth = groundTruthOf([1], [1], [{id: 1, image: 1, category: 1, box: [0, 0, 50, 50]}]);
const results = resultsOf([{image: 1, category: 1, box: [0, 0, 50, 40], score: 0.5}]); // IoU 0.8: seven thresholds of ten

test('The table says of every figure what it averages over', t => {
  t.is(
    formatCocoStats(evaluateCoco(groundTruth, results)),
    `       IoU        area    maxDets  value
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

test('With other maxDets the recalls are named by them', t => {
  const text = formatCocoStats(evaluateCoco(groundTruth, results, {maxDetections: [5, 50, 500]}));
  t.regex(text, /^AP {5}0\.50:0\.95 {2}all {9}100 {6}-$/m);
  t.regex(text, /^AR500 {2}0\.50:0\.95 {2}all {9}500 {2}0\.700$/m);
});

test('JSON has the twelve figures by name and every category, -1 for none', t => {
  const json = statsJson(evaluateCoco(groundTruth, results));
  t.deepEqual(Object.keys(json.stats), [
    ...['AP', 'AP50', 'AP75', 'APs', 'APm', 'APl'],
    ...['AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl'],
  ]);
  t.is(json.stats.APs, -1);
  t.like(json.perCategory[0], {id: 1, name: 'class 1', APl: -1, groundTruths: 1, detections: 1});
});
