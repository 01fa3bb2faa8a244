/** What a RoI-subnet is trained on: joined, labelled, sampled and encoded boxes of all images of a mini-batch. */
import test from 'ava';
import type {Sampler} from '../../src/config/stage.js';
import type {Targets} from '../../src/data/batch.js';
import {
  boxTargets,
  gatherRois,
  imageStarts,
  joinRois,
  type LabelledRois,
  labelRois,
  sampleRois,
  withGroundTruth,
} from '../../src/detectors/rois.js';
import {Random} from '../../src/random/random.js';

const matcher = {foreground: 0.5, background: 0.5, lowQuality: false, ignoreBand: 'skip'} as const;

const OBJECT = {boxes: Float32Array.of(0, 0, 10, 10), classes: Int32Array.of(2)};
const NOTHING = {boxes: new Float32Array(0), classes: new Int32Array(0)};

test('boxes of the images are joined in order, also of images without', t => {
  const rois = joinRois([
    Float32Array.of(1, 2, 3, 4),
    new Float32Array(0),
    Float32Array.from([5, 6, 7, 8, 9, 10, 11, 12]),
  ]);
  t.deepEqual([...rois.boxes], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  t.deepEqual([...rois.imageOf], [0, 2, 2]);
  t.deepEqual([...imageStarts(rois, 4)], [0, 1, 1, 3, 3]);
  t.deepEqual([...imageStarts(joinRois([]), 1)], [0, 0]);
  const {boxes, imageOf} = gatherRois(rois, Int32Array.of(2, 0));
  t.deepEqual(
    [[...boxes], [...imageOf]],
    [
      [9, 10, 11, 12, 1, 2, 3, 4],
      [2, 0],
    ],
  );
});

test('objects follow the proposals of their image', t => {
  const proposals = [Float32Array.of(1, 1, 2, 2), new Float32Array(0), Float32Array.of(3, 3, 4, 4)];
  const joined = withGroundTruth(proposals, [OBJECT, OBJECT, NOTHING]);
  t.deepEqual(
    joined.map(boxes => [...boxes]),
    [
      [1, 1, 2, 2, 0, 0, 10, 10],
      [0, 0, 10, 10],
      [3, 3, 4, 4],
    ],
  );
});

test('boxes are labelled by the objects of their own image', t => {
  // IoU 0.5, 0.4 and 1 with the object of the first image; the second has none, the third two.
  const ladder = Float32Array.from([0, 0, 10, 5, 0, 0, 10, 4, 0, 0, 10, 10]);
  const two = {boxes: Float32Array.from([50, 50, 60, 60, 0, 0, 10, 10]), classes: Int32Array.of(1, 3)};
  const {labels, objects} = labelRois(joinRois([ladder, ladder, ladder]), [OBJECT, NOTHING, two], matcher);
  t.deepEqual([...labels], [2, 0, 2, 0, 0, 0, 3, 0, 3]);
  t.deepEqual([...objects], [0, -1, 0, -1, -1, -1, 1, -1, 1]);
});

test('targets are the deltas from each foreground box to its own object', t => {
  const rois: LabelledRois = {
    boxes: Float32Array.from([0, 0, 20, 20, 0, 0, 10, 10, 10, 0, 20, 20]),
    imageOf: Int32Array.of(0, 0, 1),
    labels: Int32Array.of(2, 0, 1),
    objects: Int32Array.of(0, -1, 1),
  };
  const second = {boxes: Float32Array.from([9, 9, 9, 9, 15, 0, 25, 20]), classes: Int32Array.of(3, 1)};
  const {foreground, deltas} = boxTargets(rois, [OBJECT, second], [10, 10, 5, 5]);
  t.deepEqual([...foreground], [0, 2]);
  // Centre 10, 10 to 5, 5 in sides of 20, half as large; 5 to the right in a width of 10.
  const expected = [-2.5, -2.5, -5 * Math.log(2), -5 * Math.log(2), 5, 0, 0, 0];
  t.true(expected.every((value, i) => Math.abs(value - deltas[i]!) < 1e-6));
  t.deepEqual(boxTargets(joinLabelled([]), [OBJECT], [1, 1, 1, 1]).deltas.length, 0);
});

const joinLabelled = (proposals: readonly Float32Array[], targets: readonly Targets[] = []): LabelledRois =>
  labelRois(joinRois(proposals), targets, matcher);

const size = {n: 16, fraction: 0.25};
const SAMPLERS: readonly Sampler[] = [
  {kind: 'all'},
  {kind: 'minibatch-biased', ...size},
  {kind: 'ohem', ...size},
  {kind: 'iou-balanced', ...size, bins: 3, floor: null, quirks: 'none'},
  {kind: 'iou-balanced', ...size, bins: 3, floor: null, quirks: 'reference'},
];

/** Boxes of 20 pixels in 100 x 100; the objects are some of them, a little moved. */
function scene(seed: number, objectsOf: readonly number[], proposals: number) {
  const random = new Random(seed, 'rois');
  const boxesOf = (count: number) => {
    const boxes = new Float32Array(4 * count);
    for (let i = 0; i < count; i++) {
      const [x, y] = [80 * random.uniform(), 80 * random.uniform()];
      boxes.set([x, y, x + 20, y + 20], 4 * i);
    }
    return boxes;
  };
  const targets = objectsOf.map(count => ({boxes: boxesOf(count), classes: new Int32Array(count).fill(1)}));
  return {targets, proposals: objectsOf.map(() => boxesOf(proposals))};
}

test('every sampler keeps the order of the boxes and a budget an image, whatever the images hold', t => {
  for (const sampler of SAMPLERS) {
    for (const objectsOf of [
      [0, 1, 300],
      [300, 0],
      [0, 0],
    ]) {
      for (const [count, append] of [
        [60, true],
        [60, false],
        [0, true],
        [0, false],
      ] as const) {
        const {targets, proposals} = scene(1, objectsOf, count);
        const rois = joinLabelled(append ? withGroundTruth(proposals, targets) : proposals, targets);
        let asked = 0;
        const sampled = sampleRois(
          rois,
          {targets, iteration: 3},
          {
            ...{sampler, matcher, seed: 5},
            lossesOf: () => {
              asked++;
              return Float32Array.from(rois.labels.keys(), i => (7 * i) % 11);
            },
          },
        );
        t.true(asked <= (sampler.kind === 'ohem' ? 1 : 0));
        const what = `${sampler.kind}, ${objectsOf} objects, ${count} proposals`;
        const rows = rowsOf(rois, sampled);
        t.true(
          rows.every((row, i) => i === 0 || row > rows[i - 1]!),
          what,
        );
        const [starts, kept] = [imageStarts(rois, targets.length), imageStarts(sampled, targets.length)];
        for (const image of targets.keys()) {
          const candidates = starts[image + 1]! - starts[image]!;
          const own = sampled.labels.subarray(kept[image], kept[image + 1]);
          const foreground = own.filter(label => label > 0).length;
          if (sampler.kind === 'all') t.is(own.length, candidates, what);
          else {
            t.true(own.length <= 16 && foreground <= 4, what);
            const background = rois.labels
              .subarray(starts[image], starts[image + 1])
              .filter(label => label === 0);
            t.is(own.length - foreground, Math.min(background.length, 16 - foreground), what);
          }
        }
      }
    }
  }
});

/** Rows of `rois` that `sampled` holds, told by their numbers: all are random. */
function rowsOf(rois: LabelledRois, sampled: LabelledRois): number[] {
  const key = ({boxes, imageOf, labels, objects}: LabelledRois, row: number) =>
    [...boxes.subarray(4 * row, 4 * row + 4), imageOf[row], labels[row], objects[row]].join();
  const rows = new Map(Array.from(rois.imageOf.keys(), row => [key(rois, row), row]));
  return Array.from(sampled.imageOf.keys(), row => rows.get(key(sampled, row)) ?? -1);
}

test('OHEM ranks the boxes of every image by losses that are asked for once', t => {
  // Two images of five background boxes each; the two largest losses of either.
  const far = Float32Array.from({length: 20}, (_, i) => 100 + 10 * i);
  const rois = joinLabelled([far, far], [NOTHING, NOTHING]);
  let asked = 0;
  const {boxes, imageOf} = sampleRois(
    rois,
    {targets: [NOTHING, NOTHING], iteration: 0},
    {
      ...{sampler: {kind: 'ohem', n: 2, fraction: 0.5}, matcher, seed: 1},
      lossesOf: () => {
        asked++;
        return Float32Array.of(9, 8, 7, 6, 5, 1, 4, 2, 5, 3);
      },
    },
  );
  t.is(asked, 1);
  t.deepEqual([...imageOf], [0, 0, 1, 1]);
  t.deepEqual(
    [0, 4, 8, 12].map(o => boxes[o]),
    [0, 1, 1, 3].map(row => far[4 * row]),
  );
});

test('samples depend on seed, iteration and image', t => {
  const {targets, proposals} = scene(2, [3, 3], 60);
  const rois = joinLabelled([proposals[0]!, proposals[0]!], [targets[0]!, targets[0]!]);
  const rows = (seed: number, iteration: number) =>
    sampleRois(
      rois,
      {targets: [targets[0]!, targets[0]!], iteration},
      {
        ...{sampler: {kind: 'minibatch-biased', ...size}, matcher, seed},
        lossesOf: () => new Float32Array(0),
      },
    );
  const first = rows(1, 0);
  t.deepEqual(rows(1, 0), first);
  t.notDeepEqual(rows(2, 0).boxes, first.boxes);
  t.notDeepEqual(rows(1, 1).boxes, first.boxes);
  const [, second] = imageStarts(first, 2);
  t.notDeepEqual(first.boxes.slice(0, 4 * second!), first.boxes.slice(4 * second!));
});
