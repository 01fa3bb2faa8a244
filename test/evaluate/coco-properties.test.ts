/** What must hold for any annotated scene: orders that do not matter, scales, and the rules taken word for word. */
import {isDeepStrictEqual} from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import type {CocoGroundTruth} from '../../src/evaluate/coco-data.js';
import {type CocoEvaluation, evaluateCoco} from '../../src/evaluate/coco-eval.js';
import {isIgnored, makePair, matchPair, outcomeOf, type Pair} from '../../src/evaluate/coco-matching.js';
import {boxOverlaps} from '../../src/evaluate/coco-overlaps.js';
import {AREA_RANGES, type AreaRange} from '../../src/evaluate/coco-parameters.js';
import {COCO_STATS} from '../../src/evaluate/coco-stats.js';
import {anyScene, type Box, groundTruthOf, resultsOf, type Scene} from './scenes.js';

function evaluate({images, categories, annotations, found}: Scene): CocoEvaluation {
  return evaluateCoco(groundTruthOf(images, categories, annotations), resultsOf(found));
}

/** Whether all figures and curves are the same to the bit. */
function same(a: CocoEvaluation, b: CocoEvaluation): boolean {
  const {precision, scores, recall} = b.curves;
  return (
    isDeepStrictEqual(
      [a.stats, a.averageRecalls, a.perCategory],
      [b.stats, b.averageRecalls, b.perCategory],
    ) &&
    isDeepStrictEqual([a.curves.precision, a.curves.scores, a.curves.recall], [precision, scores, recall])
  );
}

const RUNS = {numRuns: 60};

test('The order of images, and of detections whose scores differ, is irrelevant', t => {
  fc.assert(
    fc.property(anyScene, scene => {
      const reversed = {...scene, images: scene.images.toReversed(), found: scene.found.toReversed()};
      t.deepEqual(evaluate(reversed).stats, evaluate(scene).stats);
    }),
    RUNS,
  );
});

/** A scene whose boxes have no two equal overlaps, so that no tie is broken by order. */
const sceneWithoutTies = fc
  .tuple(anyScene, fc.infiniteStream(fc.double({min: 0, max: 1, noNaN: true})))
  .map(([scene, noise]) => {
    const shake = ([x, y, width, height]: Box): Box => {
      const by = () => 1 + 3 * noise.next().value!;
      return [x + by(), y + by(), width + by(), height + by()];
    };
    return {
      ...scene,
      annotations: scene.annotations.map(annotation => ({...annotation, box: shake(annotation.box)})),
      found: scene.found.map(detection => ({...detection, box: shake(detection.box)})),
    };
  });

test('The order of annotations is irrelevant where no two overlaps are equal', t => {
  fc.assert(
    fc.property(sceneWithoutTies, fc.nat({max: 11}), (scene, turn) => {
      const {annotations} = scene;
      const turned = [...annotations.slice(turn), ...annotations.slice(0, turn)];
      for (const reordered of [annotations.toReversed(), turned]) {
        t.true(same(evaluate({...scene, annotations: reordered}), evaluate(scene)));
      }
    }),
    RUNS,
  );
});

test('Larger pixels change nothing over all areas', t => {
  const allAreas = (evaluation: CocoEvaluation) => ({
    AP: evaluation.averagePrecision,
    AP50: evaluation.stats.AP50,
    AR: evaluation.averageRecalls,
  });
  fc.assert(
    // Powers of two leave the digits of every number as they are.
    fc.property(sceneWithoutTies, fc.integer({min: -8, max: 8}), (scene, power) => {
      const scaled = <T extends {readonly box: Box}>(records: readonly T[]): T[] =>
        records.map(record => ({
          ...record,
          box: record.box.map(value => value * 2 ** power) as [number, number, number, number],
        }));
      const larger = {...scene, annotations: scaled(scene.annotations), found: scaled(scene.found)};
      t.deepEqual(allAreas(evaluate(larger)), allAreas(evaluate(scene)));
    }),
    RUNS,
  );
});

test('Detections with different scores may come in any order, those with equal scores keep theirs', t => {
  fc.assert(
    fc.property(
      anyScene.chain(scene =>
        fc.tuple(fc.constant(scene), fc.shuffledSubarray([...scene.found], {minLength: scene.found.length})),
      ),
      ([scene, shuffled]) => {
        t.true(same(evaluate({...scene, found: shuffled}), evaluate(scene)));
        // All scores equal: in the order of images and of the file, whatever the order of images in the file.
        const tied = scene.found.map(detection => ({...detection, score: 0.5}));
        const byImage = [...tied].sort((a, b) => b.image - a.image);
        t.true(same(evaluate({...scene, found: byImage}), evaluate({...scene, found: tied})));
      },
    ),
    RUNS,
  );
});

test('Only the order of scores matters, not their values', t => {
  fc.assert(
    fc.property(anyScene, scene => {
      const squeezed = scene.found.map(detection => ({...detection, score: detection.score ** 3 / 1000}));
      t.deepEqual(evaluate({...scene, found: squeezed}).stats, evaluate(scene).stats);
    }),
    RUNS,
  );
});

test('Every figure is a fraction or -1', t => {
  fc.assert(
    fc.property(anyScene, scene => {
      const {stats, perCategory} = evaluate(scene);
      for (const figures of [stats, ...perCategory]) {
        for (const name of COCO_STATS)
          t.true(figures[name] === -1 || (figures[name] >= 0 && figures[name] <= 1));
      }
    }),
    RUNS,
  );
});

test('Objects given as detections have AP 1, a single one the last float below it', t => {
  fc.assert(
    fc.property(anyScene, scene => {
      const annotations = scene.annotations.map(annotation => ({...annotation, crowd: false}));
      const found = annotations.map(annotation => ({...annotation, score: 0.5}));
      const {stats, perCategory} = evaluate({...scene, annotations, found});
      t.is(stats.AR100, annotations.length === 0 ? -1 : 1);
      for (const {id, AP} of perCategory) {
        const objects = annotations.filter(({category}) => category === id).length;
        // Precision is n / (n + 2.2e-16): below 1 in double precision for n = 1 alone.
        if (objects === 1) t.true(AP < 1 && AP > 1 - 1e-14);
        else t.is(AP, objects === 0 ? -1 : 1);
      }
    }),
    RUNS,
  );
});

test('Removing a false positive never lowers AP', t => {
  const [all] = AREA_RANGES;
  fc.assert(
    fc.property(anyScene, scene => {
      const groundTruth = groundTruthOf(scene.images, scene.categories, scene.annotations);
      const results = resultsOf(scene.found);
      // A detection that overlaps no object of its image and class by half takes nothing at any threshold.
      const overlapsOf = boxOverlaps(groundTruth, results);
      const stray = scene.found.findIndex((detection, row) => {
        const objects = scene.annotations.flatMap(({image, category}, object) =>
          image === detection.image && category === detection.category ? [object] : [],
        );
        return overlapsOf(Int32Array.of(row), Int32Array.from(objects)).every(overlap => overlap < 0.5);
      });
      fc.pre(stray >= 0);
      t.is(outcomeOf(stray, -1, groundTruth, results, all!), 0);
      const before = evaluate(scene).stats;
      const after = evaluate({...scene, found: scene.found.toSpliced(stray, 1)}).stats;
      t.true(after.AP >= before.AP && after.AP50 >= before.AP50);
      t.is(after.AR100, before.AR100);
    }),
    RUNS,
  );
});

/** The rules of COCOeval.evaluateImg as they are written there, one threshold at a time. */
function matchByTheBook(
  {overlaps, detections, groundTruths}: Pair,
  groundTruth: CocoGroundTruth,
  range: AreaRange,
  threshold: number,
): readonly number[] {
  const columns = [...groundTruths.keys()];
  const ignored = columns.map(column => isIgnored(groundTruth, groundTruths[column]!, range));
  const order = [...columns].sort((a, b) => Number(ignored[a]) - Number(ignored[b]));
  const taken = new Set<number>();
  return Array.from(detections, (_, d) => {
    let iou = Math.min(threshold, 1 - 1e-10);
    let match = -1;
    for (const column of order) {
      if (taken.has(column) && groundTruth.crowd[groundTruths[column]!] === 0) continue;
      if (match >= 0 && !ignored[match] && ignored[column]) break;
      if (overlaps[d * columns.length + column]! < iou) continue;
      iou = overlaps[d * columns.length + column]!;
      match = column;
    }
    if (match >= 0) taken.add(match);
    return match;
  });
}

test('Matches are those of the rules taken word for word', t => {
  const crowded = fc.record({
    annotations: fc.array(
      fc.record({
        box: fc.tuple(
          fc.nat({max: 3}),
          fc.nat({max: 3}),
          fc.integer({min: 6, max: 9}),
          fc.integer({min: 6, max: 9}),
        ),
        crowd: fc.boolean(),
        ignore: fc.boolean(),
        area: fc.constantFrom(500, 1024, 5000),
      }),
      {maxLength: 6},
    ),
    found: fc.array(
      fc.tuple(
        fc.nat({max: 3}),
        fc.nat({max: 3}),
        fc.integer({min: 6, max: 9}),
        fc.integer({min: 6, max: 9}),
      ),
      {maxLength: 9},
    ),
  });
  fc.assert(
    fc.property(crowded, ({annotations, found}) => {
      const groundTruth = groundTruthOf(
        [1],
        [1],
        annotations.map((annotation, i) => ({...annotation, id: i + 1, image: 1, category: 1})),
      );
      const results = resultsOf(found.map((box, i) => ({image: 1, category: 1, box, score: 1 - i / 10})));
      const pair = makePair(
        Int32Array.from(found.keys()),
        Int32Array.from(annotations.keys()),
        boxOverlaps(groundTruth, results),
      );
      const thresholds = [0.75, 0.5, 0.6, 0.3, 1];
      for (const range of AREA_RANGES) {
        const {matches} = matchPair(pair, groundTruth, range, thresholds);
        t.deepEqual(
          [...matches],
          thresholds.flatMap(threshold => matchByTheBook(pair, groundTruth, range, threshold)),
        );
      }
    }),
    {numRuns: 300},
  );
});
