import test from 'ava';
import type {Sampler} from '../../src/config/stage.js';
import {UsageError} from '../../src/errors.js';
import {type SamplingContext, sample} from '../../src/samplers/sampler.js';
import {samplingContext} from './context.js';

type IouBalanced = Extract<Sampler, {kind: 'iou-balanced'}>;

/** Libra R-CNN's numbers. */
const LIBRA: IouBalanced = {
  ...{kind: 'iou-balanced', n: 512, fraction: 0.25},
  ...{bins: 3, floor: null, quirks: 'none'},
};

/** So many examples of one label and IoU; foreground of one object. */
type Group = {readonly label: number; readonly iou: number; readonly count: number; readonly object?: number};

type Given = Partial<SamplingContext> & {readonly seed?: number};

/** How many of each group are drawn, for any seed. */
function drawing(groups: readonly Group[], config: IouBalanced): (given?: Given) => number[] {
  const examples = groups.flatMap(
    (group, index) => new Array(group.count).fill({...group, index}) as IndexedGroup[],
  );
  const labels = Int32Array.from(examples, ({label}) => label);
  const matches = Int32Array.from(examples, ({label, object = 0}) => (label > 0 ? object : -1));
  const overlaps = Float32Array.from(examples, ({iou}) => iou);
  return given => {
    const weights = sample(config, labels, samplingContext({matches, overlaps: () => overlaps, ...given}));
    const drawn = groups.map(() => 0);
    for (const [i, {index}] of examples.entries()) drawn[index]! += weights[i]!;
    return drawn;
  };
}

type IndexedGroup = Group & {readonly index: number};

const drawnOf = (groups: readonly Group[], config: IouBalanced, given?: Given): number[] =>
  drawing(groups, config)(given);

const SEEDS = Array.from({length: 200}, (_, seed) => seed);

/** Of each group, on average over the seeds. */
function meanDrawn(groups: readonly Group[], config: IouBalanced): number[] {
  const draw = drawing(groups, config);
  const drawn = SEEDS.map(seed => draw({seed}));
  return groups.map((_, group) => drawn.reduce((sum, counts) => sum + counts[group]!, 0) / SEEDS.length);
}

test('background comes evenly from thirds of the range below the background threshold', t => {
  // 510 of 9000 are wanted, 170 from each of [0, 1/6), [1/6, 1/3), [1/3, 1/2).
  const groups = [
    {label: 0, iou: 0.05, count: 8000},
    {label: 0, iou: 0.25, count: 700},
    {label: 0, iou: 0.45, count: 300},
    {label: -1, iou: 0.45, count: 500},
  ];
  t.deepEqual(drawnOf(groups, {...LIBRA, n: 510}), [170, 170, 170, 0]);
});

test('what a bin lacks is drawn at random from what is left', t => {
  // 100 a bin; the last has 20, so 80 more come from the 900 + 300 that are left: 60 and 20 of them on average.
  const groups = [
    {label: 0, iou: 0, count: 1000},
    {label: 0, iou: 0.2, count: 400},
    {label: 0, iou: 0.4, count: 20},
  ];
  const [low, middle, high] = meanDrawn(groups, {...LIBRA, n: 300}) as [number, number, number];
  t.is(high, 20);
  // Standard deviation of 80 draws below sqrt(80 * 0.75 * 0.25) = 3.9, of the mean of 200 such draws 0.28.
  t.true(Math.abs(low - 160) < 5 * 0.28);
  t.true(Math.abs(middle - 120) < 5 * 0.28);
});

test('an IoU on the edge of two bins is in the upper one', t => {
  // Halves of [0, 0.5): 0.25 is in the second. 10 of each half, 12 would be drawn if the edge were in the first.
  const groups = [
    {label: 0, iou: 0, count: 50},
    {label: 0, iou: 0.25, count: 10},
  ];
  t.deepEqual(drawnOf(groups, {...LIBRA, n: 20, bins: 2}), [10, 10]);
});

test('the bins follow the threshold of the matcher', t => {
  // Thirds of [0, 0.3): 0.05, 0.15, 0.25 are in one each; of [0, 0.9) all of them are in the first.
  const groups = [0.05, 0.15, 0.25].map(iou => ({label: 0, iou, count: 100}));
  t.deepEqual(drawnOf(groups, {...LIBRA, n: 90}, {backgroundIou: 0.3}), [30, 30, 30]);
  t.notDeepEqual(drawnOf(groups, {...LIBRA, n: 90}, {backgroundIou: 0.9}), [30, 30, 30]);
});

test('the reference: with appended objects the third bin is empty and its share is random', t => {
  // Thirds of [0, 1): 0.05 and 0.25 are in the first, 0.45 in the second. One foreground leaves 511: 170 of either bin,
  // and 171 at random of the 2530 + 130 left.
  const groups = [
    {label: 0, iou: 0.05, count: 2000},
    {label: 0, iou: 0.25, count: 700},
    {label: 0, iou: 0.45, count: 300},
    {label: 2, iou: 1, count: 1},
  ];
  const [, middle, high, object] = meanDrawn(groups, {...LIBRA, quirks: 'reference'}) as [
    ...[number, number, number, number],
  ];
  t.is(object, 1);
  // 170 + 171 * 130 / 2660 = 178.4, standard deviation sqrt(8 / 200) = 0.2
  t.true(Math.abs(high - 178.4) < 1);
  // 700 / 2700 of the first bin's 170 + 171 * 2530 / 2660: 86.2, standard deviation sqrt(64 / 200) = 0.6
  t.true(Math.abs(middle - 86.2) < 3);
  // The paper's bins hold one group each.
  t.true(drawnOf(groups, LIBRA).every((count, group) => count >= (group < 3 ? 170 : 1)));
});

test('the reference: the first image has no floor, the others have one at 0', t => {
  const groups = [
    {label: 0, iou: 0, count: 100},
    {label: 0, iou: 0.2, count: 50},
  ];
  const config: IouBalanced = {...LIBRA, n: 40, quirks: 'reference'};
  // Bins of [0, 0.2): 13 of the first third, the IoU of 0.2 is in none, and 27 at random of the 87 + 50 left.
  t.true(drawnOf(groups, config, {image: 0})[0]! >= 13);
  for (const image of [1, 2]) t.deepEqual(drawnOf(groups, config, {image}), [0, 40]);
  // Only 30 overlap an object, so 10 that do not are drawn.
  const few = [groups[0]!, {label: 0, iou: 0.2, count: 30}];
  t.deepEqual(drawnOf(few, config, {image: 1}), [10, 30]);
  // The paper's rule does not depend on the image: 13 from either bin and 14 at random.
  const same = [0, 1].map(image => drawnOf(groups, {...config, quirks: 'none'}, {image}));
  t.deepEqual(same[0], same[1]);
  t.true(same[0]![0]! >= 13 && same[0]![1]! >= 13);
});

test('the floor gives its share at random, the bins begin above it', t => {
  // 90 wanted, a third from below 0.2; 60 from three bins of [0.2, 0.5), 20 each.
  const groups = [
    {label: 0, iou: 0, count: 500},
    {label: 0, iou: 0.25, count: 300},
    {label: 0, iou: 0.35, count: 20},
    {label: 0, iou: 0.45, count: 100},
  ];
  const config: IouBalanced = {...LIBRA, n: 90, floor: {threshold: 0.2, fraction: 1 / 3}};
  t.deepEqual(drawnOf(groups, config), [30, 20, 20, 20]);
  // A floor that has too little is topped up from above it.
  t.deepEqual(
    drawnOf(
      [
        {label: 0, iou: 0, count: 5},
        {label: 0, iou: 0.3, count: 200},
      ],
      config,
    ),
    [5, 85],
  );
  // And the other way round.
  t.deepEqual(
    drawnOf(
      [
        {label: 0, iou: 0, count: 500},
        {label: 0, iou: 0.3, count: 7},
      ],
      config,
    ),
    [83, 7],
  );
});

test('a floor at 0 sets apart what overlaps nothing', t => {
  const groups = [
    {label: 0, iou: 0, count: 500},
    {label: 0, iou: 1e-6, count: 500},
  ];
  const config: IouBalanced = {...LIBRA, n: 100, floor: {threshold: 0, fraction: 0.3}};
  t.deepEqual(drawnOf(groups, config), [30, 70]);
});

test('a single bin is drawn from at random', t => {
  const groups = [
    {label: 0, iou: 0.1, count: 300},
    {label: 0, iou: 0.4, count: 100},
  ];
  const [, mean] = meanDrawn(groups, {...LIBRA, n: 40, bins: 1}) as [number, number];
  t.true(Math.abs(mean - 10) < 1); // sqrt(40 * 0.75 * 0.25 / 200) = 0.19
});

test('a floor that leaves no range for the bins is refused in one line', t => {
  const config: IouBalanced = {...LIBRA, n: 2, floor: {threshold: 0.5, fraction: 0.5}};
  t.throws(() => drawnOf([{label: 0, iou: 0.1, count: 9}], config), {
    instanceOf: UsageError,
    message:
      "sampler iou-balanced: floor.threshold 0.5 leaves no bins below the matcher's background threshold 0.5; lower it",
  });
});

const foreground = (counts: readonly number[]): Group[] =>
  counts.map((count, object) => ({label: 1 + object, iou: 0.7, count, object}));

test('foreground comes evenly from the objects', t => {
  // 12 of 3 objects: round(12 / 3) + 1 = 5 of each, and the last has 2 only: 12.
  const config: IouBalanced = {...LIBRA, n: 24, fraction: 0.5};
  t.deepEqual(drawnOf(foreground([100, 5, 2]), config), [5, 5, 2]);
  // 13: round(4.33) + 1 = 5, 5, 2 and one more, which only the first object has.
  t.deepEqual(drawnOf(foreground([100, 5, 2]), {...config, n: 26}), [6, 5, 2]);
  // 9: round(3) + 1 = 4, 4, 2 are one too many.
  for (const seed of SEEDS) {
    const drawn = drawnOf(foreground([100, 5, 2]), {...config, n: 18}, {seed});
    t.is(drawn[0]! + drawn[1]! + drawn[2]!, 9);
    t.true(drawn[0]! >= 3 && drawn[1]! >= 3 && drawn[2]! >= 1);
  }
});

test('half an example more for every object is rounded to the even number', t => {
  // 5 of 2 objects: round(2.5) + 1 = 3 of each, of which one is dropped. Rounding up, 4 of one could be drawn.
  for (const seed of SEEDS) {
    const drawn = drawnOf(foreground([50, 50]), {...LIBRA, n: 10, fraction: 0.5}, {seed});
    t.deepEqual([...drawn].sort(), [2, 3]);
  }
});

test('the reference: what is missing of the foreground may be drawn twice, and background takes its place', t => {
  // 13 of (100, 5, 2): 5, 5, 2 and one of all 107, which has been drawn before in 12 of 107 cases.
  const groups = [...foreground([100, 5, 2]), {label: 0, iou: 0.1, count: 50}];
  const config: IouBalanced = {...LIBRA, n: 26, fraction: 0.5, quirks: 'reference'};
  let repeated = 0;
  for (const seed of SEEDS) {
    const [a, b, c, background] = drawnOf(groups, config, {seed}) as [number, number, number, number];
    t.is(a + b + c + background, 26);
    t.true(a + b + c === 12 || (a + b + c === 13 && a === 6));
    if (a + b + c === 12) repeated++;
  }
  t.true(Math.abs(repeated - (200 * 12) / 107) < 5 * 4.5); // sqrt(200 * 0.112 * 0.888) = 4.5
});

test('overlaps are not asked for where all background is drawn, and not of an empty image', t => {
  const {overlaps} = samplingContext();
  t.deepEqual(drawnOf([{label: 0, iou: 0.1, count: 512}], LIBRA, {overlaps}), [512]);
  t.deepEqual(drawnOf([{label: 1, iou: 0.9, count: 200}], LIBRA, {overlaps}), [128]);
  t.deepEqual(drawnOf([{label: -1, iou: 0.9, count: 900}], LIBRA, {overlaps}), [0]);
  t.deepEqual(drawnOf([], LIBRA, {overlaps}), []);
});

test('as many overlaps as examples are needed', t => {
  const overlaps = () => new Float32Array(2);
  t.throws(() => drawnOf([{label: 0, iou: 0.1, count: 9}], {...LIBRA, n: 2}, {overlaps}), {
    message: 'iou-balanced: 2 overlaps for 9 examples',
  });
});

test('512 of the 201,600 anchors of a photograph are drawn in bounded time', t => {
  const labels = Int32Array.from({length: 201_600}, (_, i) => (i % 1123 === 0 ? 1 : 0));
  const ious = Float32Array.from(labels.keys(), i => Math.max(0, Math.sin(i)) / 2);
  const matches = labels.map(label => label - 1);
  for (const quirks of ['none', 'reference'] as const) {
    const context = samplingContext({matches, overlaps: () => ious});
    sample({...LIBRA, quirks}, labels, context);
    const start = performance.now();
    const weights = sample({...LIBRA, quirks}, labels, context);
    const time = performance.now() - start;
    t.log(`quirks ${quirks}: ${time.toFixed(1)} ms`);
    t.is(
      weights.reduce((sum, weight) => sum + weight, 0),
      512,
    );
    t.true(time < 1000);
  }
});
