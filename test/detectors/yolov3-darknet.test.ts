/**
 * YOLOv3 on Darknet-53, as the shipped config has it, with weights read from a file of darknet's, against its restatement in
 * PyTorch (test/fixtures/darknet/make_yolov3_golden.py). The golden lists the layers of the file, and nothing here says
 * which of ours they are.
 */
import {readFileSync} from 'node:fs';
import {mkdtemp, open, rm, stat, truncate} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import ava, {type ExecutionContext} from 'ava';
import {darknet} from '../../src/backbones/darknet.js';
import {decodeYolo} from '../../src/boxes/yolo-coder.js';
import {cellsOf, yoloGrid} from '../../src/boxes/yolo-grid.js';
import {loadRunConfig} from '../../src/config/load.js';
import type {YoloV3Config} from '../../src/config/yolov3.js';
import {type YoloPredictions, yoloHead} from '../../src/heads/yolo-head.js';
import {Parameters} from '../../src/layers/parameters.js';
import {Phase} from '../../src/layers/phase.js';
import {loadDarknetWeights} from '../../src/weights/darknet.js';
import {FAST_ENGINES, openForTest, testsOn} from '../engines.js';
import {uniform} from '../fixtures/torchvision/formula.js';
import {darknetHeader} from '../weights/darknet-bytes.js';

type Golden = {
  readonly side: number;
  readonly epsilon: number;
  readonly classes: number;
  readonly predictingDivisor: number;
  readonly anchors: readonly (readonly [width: number, height: number])[];
  /** In the order of the file; the range of a batch norm's multipliers, null without one. */
  readonly layers: readonly (readonly [
    size: number,
    inChannels: number,
    outChannels: number,
    norm: readonly [low: number, high: number] | null,
  ])[];
  /** Raw outputs [anchors * (5 + classes), h, w], coarsest first. */
  readonly levels: readonly {
    readonly shape: readonly [channels: number, height: number, width: number];
    readonly mean: number;
    readonly rms: number;
    readonly at: readonly number[];
    readonly values: readonly number[];
    readonly boxes: readonly (readonly [
      anchor: number,
      row: number,
      column: number,
      x: number,
      y: number,
      width: number,
      height: number,
    ])[];
  }[];
};

// From dist/test/detectors, where this runs, to the sources.
const golden: Golden = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/darknet/yolov3.json', import.meta.url), 'utf8'),
);

/** Sizes of the files that darknet's authors publish: yolov3.weights and darknet53.conv.74. */
const [PUBLISHED, PUBLISHED_BACKBONE] = [248_007_048, 162_482_580];

const TOLERANCE = 1e-4;

let folder = '';
const fileName = () => join(folder, 'yolov3.weights');

ava.before('the file of 62 million weights', async () => {
  folder = await mkdtemp(join(tmpdir(), 'sf-test-'));
  const file = await open(fileName(), 'w');
  await file.write(darknetHeader());
  for (const [index, [size, inside, outside, norm]] of golden.layers.entries()) {
    const bound = Math.sqrt(6 / (inside * size * size)) / (norm === null ? golden.predictingDivisor : 1);
    const parts = [
      ['bias', outside, -0.1, 0.1],
      ...(norm === null
        ? []
        : ([
            ['multiplier', outside, norm[0], norm[1]],
            ['mean', outside, -0.1, 0.1],
            ['variance', outside, 0.8, 1.2],
          ] as const)),
      ['filter', outside * inside * size * size, -bound, bound],
    ] as const;
    for (const [part, count, low, high] of parts) {
      await file.write(new Uint8Array(uniform(`yolov3 ${index} ${part}`, count, low, high).buffer));
    }
  }
  await file.close();
});

ava.after.always(() => rm(folder, {recursive: true, force: true}));

async function shippedModel(): Promise<YoloV3Config> {
  const {model} = (await loadRunConfig('yolov3_darknet53', {overrides: []})).config;
  if (model.kind !== 'yolov3') throw new Error(`yolov3_darknet53 is ${model.kind}`);
  return model;
}

/** The network of the detector: what comes before boxes and scores are made of its outputs. */
function network(config: YoloV3Config) {
  const parameters = new Parameters();
  const scope = {parameters, seed: 1, phase: new Phase()};
  const backbone = darknet(scope, config.backbone);
  const head = yoloHead(scope, {
    channels: backbone.channels,
    norm: config.head.norm,
    anchors: config.anchors.map(level => level.length),
    classes: golden.classes,
    objectnessBias: 0,
    classBias: 0,
  });
  return {parameters, predict: (images: tf.Tensor4D) => tf.tidy(() => head(backbone.forward(images)))};
}

/** [C, H, W] in NHWC. */
function image(): tf.Tensor4D {
  const {side} = golden;
  return tf.tidy(() => {
    const planes = tf.tensor4d(uniform('image', 3 * side * side, 0, 1), [1, 3, side, side]);
    return tf.transpose(planes, [0, 2, 3, 1]);
  });
}

/** Darknet's logit k of a prediction: x, y, width, height, objectness, classes. */
function logitsOf({boxes, objectness, classes}: YoloPredictions): (prediction: number, k: number) => number {
  const [ofBox, ofObject, ofClass] = [boxes, objectness!, classes].map(t => t.dataSync<'float32'>()) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return (prediction, k) => {
    if (k < 4) return ofBox[4 * prediction + k]!;
    return k === 4 ? ofObject[prediction]! : ofClass[golden.classes * prediction + k - 5]!;
  };
}

function assertClose(
  t: ExecutionContext,
  what: string,
  found: number,
  expected: number,
  scale: number,
): void {
  const difference = Math.abs(found - expected) / Math.max(Math.abs(expected), scale);
  t.true(difference < TOLERANCE, `${what}: ${found}, expected ${expected}`);
}

testsOn(FAST_ENGINES)(
  "YOLOv3 at 416x416 with darknet's weights gives the outputs of PyTorch within 1e-4",
  async t => {
    const config = await shippedModel();
    t.like(config.backbone.norm, {epsilon: golden.epsilon});
    t.like(config.head.norm, {epsilon: golden.epsilon});
    t.deepEqual(
      config.anchors.flat(),
      golden.anchors.map(([width, height]) => [width, height]),
    );
    const before = tf.memory().numTensors;
    const {parameters, predict} = network(config);
    const {content, convolutions, kept} = await loadDarknetWeights(fileName(), {
      ...{config, parameters, classes: golden.classes},
    });
    t.deepEqual([content, kept], [{kind: 'detector', classes: 80}, []]);
    t.deepEqual(convolutions, {read: 75, all: 75});

    const pixels = image();
    const predictions = predict(pixels);
    const logits = logitsOf(predictions);
    const grid = yoloGrid(config.anchors, {height: golden.side, width: golden.side});
    const perAnchor = 5 + golden.classes;
    for (const [i, {shape, mean, rms, at, values, boxes}] of [...golden.levels].reverse().entries()) {
      const {stride, start, height, width, anchors} = grid.levels[i]!;
      t.deepEqual(shape, [anchors.length * perAnchor, height, width]);
      const what = `stride ${stride}`;
      const predictionAt = (anchor: number, row: number, column: number): number =>
        start + (row * width + column) * anchors.length + anchor;
      /** At a position of darknet's output. */
      const at3 = (position: number): number => {
        const channel = Math.floor(position / (height * width));
        const [row, column] = [Math.floor(position / width) % height, position % width];
        return logits(predictionAt(Math.floor(channel / perAnchor), row, column), channel % perAnchor);
      };
      for (const [s, position] of at.entries()) {
        assertClose(t, `${what}, value ${position}`, at3(position), values[s]!, rms);
      }
      const count = shape[0] * height * width;
      let [sum, squares] = [0, 0];
      for (let position = 0; position < count; position++) {
        const value = at3(position);
        sum += value;
        squares += value * value;
      }
      assertClose(t, `${what}, mean`, sum / count, mean, rms);
      assertClose(t, `${what}, root mean square`, Math.sqrt(squares / count), rms, rms);

      const indices = Int32Array.from(boxes, ([anchor, row, column]) => predictionAt(anchor, row, column));
      const ofBox = Float32Array.from([...indices].flatMap(p => [0, 1, 2, 3].map(k => logits(p, k))));
      const decoded = decodeYolo(ofBox, cellsOf(grid, indices));
      for (const [b, [, , , x, y, w, h]] of boxes.entries()) {
        const [x1, y1, x2, y2] = decoded.subarray(4 * b, 4 * b + 4);
        assertClose(t, `${what}, box ${b}, x`, (x1! + x2!) / 2, x, w);
        assertClose(t, `${what}, box ${b}, y`, (y1! + y2!) / 2, y, h);
        assertClose(t, `${what}, box ${b}, width`, x2! - x1!, w, w);
        assertClose(t, `${what}, box ${b}, height`, y2! - y1!, h, h);
      }
    }
    tf.dispose([pixels, predictions.boxes, predictions.objectness!, predictions.classes]);
    parameters.dispose();
    t.is(tf.memory().numTensors, before);
  },
);

ava.serial("files are as large as darknet's own", async t => {
  await openForTest('wasm');
  t.is((await stat(fileName())).size, PUBLISHED);
  await truncate(fileName(), PUBLISHED_BACKBONE);
  const config = await shippedModel();
  const {parameters} = network(config);
  const target = {config, parameters, classes: golden.classes};
  const {content, convolutions} = await loadDarknetWeights(fileName(), target);
  t.deepEqual([content.kind, convolutions.read], ['backbone', 52]);
  parameters.dispose();
});
