import test from 'ava';
import fc from 'fast-check';
import {selfCheck} from '../../src/evaluate/self-check.js';
import {formatSelfCheck, selfCheckJson} from '../../src/evaluate/self-check-text.js';

import {type Annotation, groundTruthOf} from './scenes.js';

const check = (annotations: readonly Annotation[], changes = {}) =>
  selfCheck(groundTruthOf([1, 2, 3], [1, 2], annotations), changes);

const box = (x: number, y: number, width: number, height: number) => [x, y, width, height] as const;

test('Annotations that do not touch each other are found, all of them', t => {
  const {evaluation, classes, notes} = check([
    {id: 1, image: 1, category: 1, box: box(0, 0, 10, 10)},
    {id: 2, image: 1, category: 1, box: box(50, 0, 40, 40)},
    {id: 3, image: 2, category: 2, box: box(0, 0, 200, 200)},
    {id: 4, image: 2, category: 2, box: box(300, 0, 200, 200), crowd: true},
  ]);
  t.is(evaluation.stats.AR100, 1);
  t.deepEqual(classes, []);
  t.deepEqual(notes, []);
});

test('A single object has the precision 1 / (1 + epsilon), which is no AP below 1', t => {
  const {evaluation, classes} = check([{id: 1, image: 1, category: 1, box: box(0, 0, 10, 10)}]);
  t.true(evaluation.stats.AP < 1);
  t.deepEqual(classes, []);
});

test('Annotation id 0 is one false positive', t => {
  const {classes} = check([
    {id: 0, image: 3, category: 2, box: box(0, 0, 10, 10)},
    {id: 1, image: 1, category: 2, box: box(0, 0, 10, 10)},
  ]);
  // Two objects in the order of the images: a hit (precision 1), then a false positive. Recall ends at 1/2: 51 of 101.
  t.is(classes.length, 1);
  t.like(classes[0], {id: 2, name: 'class 2', objects: 2});
  t.true(Math.abs(classes[0]!.precisions[0]! - 51 / 101) < 1e-9);
  t.deepEqual(classes[0]!.findings, [
    {cause: 'annotation-id-0', count: 1, annotationId: 0, imageId: 3, inImage: 1},
  ]);
});

test('Boxes without area overlap nothing, themselves included', t => {
  const {classes} = check([
    {id: 5, image: 1, category: 1, box: box(0, 0, 10, 0), area: 50},
    {id: 6, image: 2, category: 1, box: box(0, 0, -3, 8), area: 24},
    {id: 7, image: 2, category: 1, box: box(0, 0, 10, 10)},
  ]);
  t.deepEqual(classes[0]!.findings, [{cause: 'empty', count: 2, annotationId: 5, imageId: 1, inImage: 1}]);
});

test('A box so far away that its corners are rounded overlaps itself in part', t => {
  // Doubles are 2 apart there: 1e16 + 2.9 is 1e16 + 2, so IoU with itself = 20 / (29 + 29 - 20) = 0.53.
  const {classes} = check([{id: 5, image: 1, category: 1, box: box(1e16, 0, 2.9, 10)}]);
  t.true(Math.abs(classes[0]!.precisions[0]! - 0.1) < 1e-9);
  t.deepEqual(classes[0]!.findings, [
    {cause: 'self-overlap', count: 1, annotationId: 5, imageId: 1, inImage: 1},
  ]);
});

test('Objects beyond maxDets are named with how many there are', t => {
  const annotations = Array.from({length: 7}, (_, i) => ({
    id: i + 1,
    image: 2,
    category: 1,
    box: box(20 * i, 0, 10, 10),
  }));
  const {classes} = check(annotations, {maxDetections: [1, 3, 5]});
  t.deepEqual(classes[0]!.findings, [
    {cause: 'beyond-max-dets', count: 2, annotationId: 6, imageId: 2, inImage: 7},
  ]);
  t.deepEqual(check(annotations, {maxDetections: [1, 3, 7]}).classes, []);
});

test('A crowd that takes an object leaves another one to be a false positive', t => {
  // The crowd's own detection comes first and, by IoU 0.6, takes A (it counts, the crowd does not). A's detection
  // then takes B (IoU 8/12), and B's detection, with 4 of its 10 columns in the crowd, is a false positive at 0.5.
  const {classes} = check([
    {id: 1, image: 1, category: 1, box: box(0, 0, 6, 10), crowd: true},
    {id: 2, image: 1, category: 1, box: box(0, 0, 10, 10)},
    {id: 3, image: 1, category: 1, box: box(2, 0, 10, 10)},
    {id: 4, image: 2, category: 1, box: box(0, 0, 10, 10)}, // a hit behind it, or the false positive would cost nothing
  ]);
  t.deepEqual(classes[0]!.findings, [{cause: 'crowd', count: 1, annotationId: 3, imageId: 1, inImage: 3}]);
});

test('An object outside the area range does the same there', t => {
  // As above with an object whose area says large: among the small ones it counts neither way, so its detection
  // looks at A first. In the range of all areas everything is found.
  const {classes} = check([
    {id: 1, image: 1, category: 1, box: box(0, 0, 6, 10), area: 10_000},
    {id: 2, image: 1, category: 1, box: box(0, 0, 10, 10)},
    {id: 3, image: 1, category: 1, box: box(2, 0, 10, 10)},
    {id: 4, image: 2, category: 1, box: box(0, 0, 10, 10)},
  ]);
  t.is(classes[0]!.precisions[0], 1);
  t.true(classes[0]!.precisions[1]! < 1);
  t.deepEqual(classes[0]!.findings, [
    {cause: 'area-range', count: 1, annotationId: 3, imageId: 1, inImage: 3},
  ]);
});

test('Two objects on the same box, and an area of another range than the box, are notes', t => {
  const {classes, notes} = check([
    {id: 1, image: 1, category: 1, box: box(0, 0, 40, 40), area: 900},
    {id: 2, image: 1, category: 1, box: box(0, 0, 40, 40)},
    {id: 3, image: 1, category: 2, box: box(0, 0, 40, 40)},
  ]);
  t.deepEqual(classes, []);
  t.deepEqual(notes, [
    {kind: 'area-out-of-step', count: 1, annotationId: 1, imageId: 1, detail: '900, and 1600 measured'},
    {kind: 'same-box', count: 1, annotationId: 2, imageId: 1, detail: 'as annotation 1'},
  ]);
});

test('Annotations on images and of categories that are not listed are left out', t => {
  const {evaluation, classes} = check([
    {id: 1, image: 99, category: 1, box: box(0, 0, 10, 10)},
    {id: 2, image: 1, category: 99, box: box(0, 0, 10, 10)},
    {id: 3, image: 1, category: 1, box: box(0, 0, 10, 10)},
  ]);
  t.deepEqual(
    evaluation.perCategory.map(({groundTruths, detections}) => [groundTruths, detections]),
    [
      [1, 1],
      [0, 0],
    ],
  );
  t.deepEqual(classes, []);
});

test('The text names class, cause, how many and one of them', t => {
  const found = check([
    {id: 0, image: 3, category: 2, box: box(0, 0, 40, 40)},
    {id: 5, image: 1, category: 1, box: box(0, 0, 10, 0)},
    {id: 6, image: 1, category: 1, box: box(0, 0, 10, 10)},
    {id: 7, image: 2, category: 1, box: box(0, 0, 10, 10), area: 2000},
  ]);
  // Class 1: a false positive, then two hits of three objects: (2/3) * 67/101. Small: one hit of two: (1/2) * 51/101.
  t.is(
    formatSelfCheck(found),
    `bbox, maxDets 1,10,100; every annotation as a detection with score 1
AP 0.221, 2 of 2 classes below 1

class       AP  AP small  AP medium  AP large  objects
class 1  0.442     0.252      1.000         -        3
    1 object has a box without width or height (annotation 5 on image 1): nothing overlaps it, so it is a miss and a false positive
class 2  0.000         -      0.000         -        1
    annotation id 0 (annotation 0 on image 3): pycocotools takes it for "no match", so what finds it is a false positive; number from 1

note: 1 annotation (annotation 7 on image 2: 2000, and 100 measured) with an "area" in another area range than the box: costs nothing here; a detection of that size that misses counts in the other range
`,
  );
  const json = selfCheckJson(found);
  t.like(json.classes[0], {name: 'class 1', findings: [{cause: 'empty', count: 1}]});
  t.is(json.stats.AP, found.evaluation.stats.AP);
});

test('Without objects, and without faults, the text says so', t => {
  t.is(
    formatSelfCheck(check([])),
    'bbox, maxDets 1,10,100; every annotation as a detection with score 1\nthere are no objects to find\n',
  );
  t.regex(
    formatSelfCheck(check([{id: 5, image: 1, category: 1, box: box(0, 0, 10, 10)}])),
    /\nAP 1\.000, 0 of 1 classes below 1\n$/,
  );
});

/** Intervals that overlap each other much, some of them crowds or of an area that is far from the box's. */
const crowdedImage = fc.array(
  fc.record({
    image: fc.constantFrom(1, 2),
    box: fc.tuple(fc.nat({max: 8}), fc.integer({min: 0, max: 9})).map(([x, width]) => box(x, 0, width, 10)),
    crowd: fc.integer({min: 0, max: 4}).map(dice => dice === 0),
    area: fc.constantFrom(50, 5000),
  }),
  {minLength: 3, maxLength: 12},
);

test('Every class with an AP below 1 has a cause, and a class with a recall below 1 is always found', t => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(crowdedImage, fc.constantFrom(4, 100), fc.nat({max: 3}), (annotations, most, firstId) => {
      const {evaluation, classes} = check(
        // The hits in image 3 come last, so that a false positive in the others costs precision.
        [...annotations, {image: 3, box: box(0, 0, 9, 10), crowd: false, area: 50}].map((annotation, i) => ({
          ...annotation,
          id: i + firstId,
          category: 1,
        })),
        {maxDetections: [1, 2, most], iouThresholds: [0.5, 0.75, 0.95]},
      );
      const {AR100} = evaluation.perCategory[0]!;
      if (AR100 !== -1 && AR100 < 1) t.is(classes.length, 1);
      for (const {findings, precisions} of classes) {
        t.true(findings.length > 0);
        t.true(precisions.some(precision => precision >= 0 && precision < 1));
        for (const {cause} of findings) seen.add(cause);
      }
    }),
    {numRuns: 500, seed: 1},
  );
  t.deepEqual([...seen].sort(), [...['annotation-id-0', 'area-range', 'beyond-max-dets', 'crowd', 'empty']]);
});
