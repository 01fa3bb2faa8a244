/** From objectness and deltas to proposals: by hand, and against the rule said again with the functions of the host. */
import * as tf from '@tensorflow/tfjs';
import {gatherBoxes} from '../../src/boxes/box.js';
import {clipBoxes, decodeBoxes, type Region} from '../../src/boxes/box-coder.js';
import {type ProposalOptions, propose} from '../../src/detectors/proposals.js';
import {nonMaximumSuppression} from '../../src/engine/host/nms.js';
import {Random} from '../../src/random/random.js';
import {ENGINES, testsOn} from '../engines.js';
import {largestDifference} from '../fixtures/torchvision/golden.js';

const test = testsOn(ENGINES);

type Scene = {
  /** Of every image, one an anchor. */
  readonly logits: readonly (readonly number[])[];
  readonly deltas?: readonly (readonly number[])[];
  readonly anchors: readonly number[];
  /** Of every image. */
  readonly sizes?: readonly Region[];
};

const infoOf = (region: Region) => ({
  ...{imageId: 0, ...region, originalWidth: region.width, originalHeight: region.height},
  ...{scaleX: 1, scaleY: 1},
});

function proposalsOf(scene: Scene, given: Partial<ProposalOptions> = {}) {
  const {logits, anchors} = scene;
  const images = logits.length;
  const count = anchors.length / 4;
  const sizes = scene.sizes ?? logits.map(() => ({width: 100, height: 100}));
  const tensors = {
    logits: tf.tensor3d(logits.flat(), [images, count, 1]),
    deltas: tf.tensor3d(scene.deltas?.flat() ?? new Float32Array(4 * images * count), [images, count, 4]),
  };
  const anchorTensor = tf.tensor2d([...anchors], [count, 4]);
  const before = tf.memory().numTensors;
  const proposals = propose(tensors, anchorTensor, sizes.map(infoOf), {
    ...{preNmsTopK: 100, postNmsTopK: 100, boxWeights: [1, 1, 1, 1], levelCounts: [count]},
    ...{nmsThreshold: 0.5, minSize: 0, scoreThreshold: 0},
    ...given,
  });
  if (tf.memory().numTensors !== before) throw new Error('tensors were left behind');
  tf.dispose([tensors, anchorTensor]);
  return proposals.map(({boxes, scores}) => ({boxes: [...boxes], scores: [...scores]}));
}

const A = [0, 0, 20, 20];
const B = [40, 40, 60, 60];
const C = [70, 10, 90, 30];

test('deltas move anchors, boxes are cut to their image, and come by falling objectness', t => {
  // A quarter of a width to the right; twice as tall; a width to the left, and cut to a smaller second image.
  const deltas = [0.5, 0, 0, 0, 0, 0, 0, 2 * Math.log(2), 0, 0, 0, 0];
  const sizes = [
    {width: 100, height: 100},
    {width: 50, height: 55},
  ];
  const scene = {
    logits: [
      [1, 3, 2],
      [3, 2, 1],
    ],
    deltas: [deltas, deltas],
    anchors: [...A, ...B, ...C],
    sizes,
  };
  const [first, second] = proposalsOf(scene, {boxWeights: [2, 1, 1, 2]});
  t.deepEqual(first!.scores, [3, 2, 1]);
  t.true(largestDifference(first!.boxes, [40, 30, 60, 70, ...C, 5, 0, 25, 20], 1) < 1e-5);
  // C lies outside of it.
  t.deepEqual(second!.scores, [3, 2]);
  t.true(largestDifference(second!.boxes, [5, 0, 25, 20, 40, 30, 50, 55], 1) < 1e-5);
});

test('boxes are cut to where their image lies on its square', t => {
  const [only] = proposalsOf({
    logits: [[3, 2, 1]],
    anchors: [...A, ...B, ...C],
    sizes: [{left: 10, top: 15, width: 40, height: 30}],
  });
  // 10..50 and 15..45; C lies outside of it.
  t.deepEqual(only, {boxes: [10, 15, 20, 20, 40, 40, 50, 45], scores: [3, 2]});
});

test('boxes compete within their level only', t => {
  const anchors = [...A, ...A, ...A, ...B];
  const scene = {logits: [[1, 2, 3, 0]], anchors};
  t.deepEqual(proposalsOf(scene)[0], {boxes: [...A, ...B], scores: [3, 0]});
  t.deepEqual(proposalsOf(scene, {levelCounts: [2, 2]})[0]!.scores, [3, 2, 0]);
});

test('the best of every level go on, and of them the best of the image: budgets are those of an image', t => {
  const anchors = [...A, ...B, ...C, ...A, ...B];
  const logits = [
    [9, 8, 7, 1, 2],
    [-1, -2, -3, -4, -5],
  ];
  const levelCounts = [3, 2];
  const scores = (given: Partial<ProposalOptions>) =>
    proposalsOf({logits, anchors}, {levelCounts, ...given}).map(image => image.scores);
  t.deepEqual(scores({preNmsTopK: 2}), [
    [9, 8, 2, 1],
    [-1, -2, -4, -5],
  ]);
  t.deepEqual(scores({preNmsTopK: 1}), [
    [9, 2],
    [-1, -4],
  ]);
  // The first image has all of the best five: the second keeps its three.
  t.deepEqual(scores({postNmsTopK: 3}), [
    [9, 8, 7],
    [-1, -2, -3],
  ]);
});

test('equal scores keep the order of the anchors', t => {
  const scene = {logits: [[2, 2, 2]], anchors: [...B, ...A, ...C]};
  t.deepEqual(proposalsOf(scene)[0]!.boxes, [...B, ...A, ...C]);
  t.deepEqual(proposalsOf(scene, {preNmsTopK: 2})[0]!.boxes, [...B, ...A]);
  t.deepEqual(proposalsOf(scene, {levelCounts: [1, 2], postNmsTopK: 2})[0]!.boxes, [...B, ...A]);
});

test('boxes without area go, and those with a side below the smallest, which may be reached', t => {
  const scene = {
    logits: [[4, 3, 2, 1]],
    anchors: [0, 0, 10, 4, 30, 0, 40, 3.5, 50, 50, 90, 50, -20, 0, -5, 10],
  };
  t.deepEqual(proposalsOf(scene)[0]!.scores, [4, 3]);
  t.deepEqual(proposalsOf(scene, {minSize: 4})[0]!.scores, [4]);
  t.deepEqual(proposalsOf(scene, {minSize: 5})[0], {boxes: [], scores: []});
});

test('the objectness exceeds the threshold; 0 lets every number pass', t => {
  // 0 is a probability of 1/2, which does not exceed 1/2.
  const scene = {logits: [[0, 1, -200]], anchors: [...A, ...B, ...C]};
  t.deepEqual(proposalsOf(scene, {scoreThreshold: 0.5})[0]!.scores, [1]);
  t.deepEqual(proposalsOf(scene)[0]!.scores, [1, 0, -200]);
});

test('what is not a number is no proposal; an image may have none', t => {
  const scene = {
    logits: [
      [Number.NaN, 1, 2],
      [Number.NaN, Number.NaN, Number.NaN],
      [0, 0, 0],
    ],
    deltas: [
      [0, 0, 0, 0, 0, 0, 0, 0, Number.NaN, 0, 0, 0],
      new Array<number>(12).fill(0),
      new Array<number>(12).fill(0),
    ],
    anchors: [...A, ...B, ...C],
  };
  const [first, second, third] = proposalsOf(scene);
  t.deepEqual(first, {boxes: B, scores: [1]});
  t.deepEqual(second, {boxes: [], scores: []});
  t.is(third!.scores.length, 3);
});

test('nothing left: empty lists', t => {
  const empty = {boxes: [], scores: []};
  const scene = {logits: [[0], [1]], anchors: A};
  t.deepEqual(proposalsOf(scene, {scoreThreshold: 0.9}), [empty, empty]);
});

/** The same rule for one image, level by level. */
function restated(
  logits: Float32Array,
  deltas: Float32Array,
  anchors: Float32Array,
  size: {readonly width: number; readonly height: number},
  options: ProposalOptions,
) {
  const found: {box: number[]; score: number}[] = [];
  let start = 0;
  for (const length of options.levelCounts) {
    const ofLevel = Array.from({length}, (_, i) => start + i);
    start += length;
    const strongest = ofLevel
      .filter(i => 1 / (1 + Math.exp(-logits[i]!)) > options.scoreThreshold)
      .sort((i, j) => logits[j]! - logits[i]! || i - j)
      .slice(0, options.preNmsTopK);
    const decoded = clipBoxes(
      decodeBoxes(gatherBoxes(deltas, strongest), gatherBoxes(anchors, strongest), options.boxWeights),
      size,
    );
    const large = [...strongest.keys()].filter(i => {
      const [x1, y1, x2, y2] = decoded.subarray(4 * i, 4 * i + 4);
      const side = Math.min(x2! - x1!, y2! - y1!);
      return side > 0 && side >= options.minSize;
    });
    const scores = Float32Array.from(large, i => logits[strongest[i]!]!);
    for (const i of nonMaximumSuppression(gatherBoxes(decoded, large), scores, options.nmsThreshold)) {
      found.push({box: [...gatherBoxes(decoded, [large[i]!])], score: scores[i]!});
    }
  }
  // A stable sort: of equal scores the finer level comes first.
  const best = found.sort((a, b) => b.score - a.score).slice(0, options.postNmsTopK);
  return {boxes: best.flatMap(({box}) => box), scores: best.map(({score}) => score)};
}

test('random predictions give the proposals of the rule said again on the host', t => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed, 'proposals');
    const levelCounts = [40, 20, 7];
    const count = 67;
    const normals = (n: number, scale: number) =>
      Float32Array.from({length: n}, () => scale * random.normal());
    const anchors = new Float32Array(4 * count);
    for (let i = 0; i < count; i++) {
      const [x, y, half] = [100 * random.uniform(), 80 * random.uniform(), 4 + 20 * random.uniform()];
      anchors.set([x - half, y - half, x + half, y + half], 4 * i);
    }
    const sizes = [
      {width: 100, height: 80},
      {width: 77, height: 61},
    ];
    // Every other seed in halves, so that many are equal.
    const round = (x: number) => (seed % 2 === 0 ? x : Math.round(2 * x) / 2);
    const logits = sizes.map(() => normals(count, 2).map(round));
    const deltas = sizes.map(() => normals(4 * count, 0.5));
    const options: ProposalOptions = {
      preNmsTopK: 5 + random.int(40),
      postNmsTopK: 5 + random.int(40),
      boxWeights: [1, 1, 2, 2],
      levelCounts,
      nmsThreshold: 0.3 + 0.4 * random.uniform(),
      minSize: random.int(2) * 10,
      scoreThreshold: random.int(2) * 0.4,
    };
    const scene = {
      logits: logits.map(x => [...x]),
      deltas: deltas.map(x => [...x]),
      anchors: [...anchors],
      sizes,
    };
    for (const [image, {boxes, scores}] of proposalsOf(scene, options).entries()) {
      const expected = restated(logits[image]!, deltas[image]!, anchors, sizes[image]!, options);
      t.deepEqual(scores, expected.scores, `seed ${seed}`);
      t.true(largestDifference(boxes, expected.boxes, 1) < 1e-5, `seed ${seed}`);
    }
  }
});

test('proposals are constants: on a running tape they leave the gradient to the predictions alone', t => {
  const logits = tf.variable(tf.tensor3d([1, 2, 3], [1, 3, 1]));
  const deltas = tf.zeros<tf.Rank.R3>([1, 3, 4]);
  const anchors = tf.tensor2d([...A, ...B, ...C], [3, 4]);
  const before = tf.memory().numTensors;
  const {value, grads} = tf.variableGrads(() => {
    const squares = tf.square(logits);
    const [proposals] = propose(
      {logits: logits as tf.Tensor3D, deltas},
      anchors,
      [infoOf({width: 100, height: 100})],
      {
        ...{preNmsTopK: 10, postNmsTopK: 10, boxWeights: [1, 1, 1, 1], levelCounts: [3]},
        ...{nmsThreshold: 0.5, minSize: 0, scoreThreshold: 0},
      },
    );
    return tf.mul<tf.Scalar>(tf.sum(squares), proposals!.scores.length);
  }, [logits as tf.Variable]);
  t.is(value.dataSync()[0], 3 * 14);
  t.deepEqual([...grads[logits.name]!.dataSync()], [6, 12, 18]);
  tf.dispose([value, grads]);
  t.is(tf.memory().numTensors, before);
  tf.dispose([logits, deltas, anchors]);
});
