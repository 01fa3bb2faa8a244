import {truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import ava, {type ExecutionContext} from 'ava';
import type {YoloV3Config} from '../../src/config/yolov3.js';
import {buildDetector} from '../../src/detectors/build.js';
import {RunError, UsageError} from '../../src/errors.js';
import type {Parameters} from '../../src/layers/parameters.js';
import {loadDarknetWeights} from '../../src/weights/darknet.js';
import {ENGINES, openForTest, testsOn} from '../engines.js';
import {temporaryFolder} from '../temporary-folder.js';
import {smallYolo} from '../yolov3-config.js';
import {darknetBytes, darknetHeader} from './darknet-bytes.js';

const test = testsOn(ENGINES);

const CLASSES = 4;

type Convolution = readonly [name: string, size: number, inChannels: number, outChannels: number];

/** Layers 0 to 74 of yolov3.cfg, as many as the small model has. */
const BACKBONE: readonly Convolution[] = [
  ['backbone.stem', 3, 3, 8],
  ['backbone.stage1.down', 3, 8, 8],
  ['backbone.stage2.down', 3, 8, 8],
  ['backbone.stage3.down', 3, 8, 8],
  ['backbone.stage3.0.conv1', 1, 8, 4],
  ['backbone.stage3.0.conv2', 3, 4, 8],
  ['backbone.stage4.down', 3, 8, 16],
  ['backbone.stage5.down', 3, 16, 32],
  ['backbone.stage5.0.conv1', 1, 32, 16],
  ['backbone.stage5.0.conv2', 3, 16, 32],
];

/** Of each level, layers 75 to 80, 84 to 92 and 96 to 104; then come its predictions, of so many anchors. */
const HEAD: readonly (readonly [
  layers: readonly Convolution[],
  level: string,
  inChannels: number,
  anchors: number,
])[] = [
  [
    [
      ['head.level_2.block.0', 1, 32, 16],
      ['head.level_2.block.1', 3, 16, 32],
      ['head.level_2.block.2', 1, 32, 16],
      ['head.level_2.block.3', 3, 16, 32],
      ['head.level_2.block.4', 1, 32, 16],
      ['head.level_2.expand', 3, 16, 32],
    ],
    ...(['head.level_2', 32, 1] as const),
  ],
  [
    [
      ['head.level_1.lateral', 1, 16, 8],
      ['head.level_1.block.0', 1, 24, 8],
      ['head.level_1.block.1', 3, 8, 16],
      ['head.level_1.block.2', 1, 16, 8],
      ['head.level_1.block.3', 3, 8, 16],
      ['head.level_1.block.4', 1, 16, 8],
      ['head.level_1.expand', 3, 8, 16],
    ],
    ...(['head.level_1', 16, 1] as const),
  ],
  [
    [
      ['head.level_0.lateral', 1, 8, 4],
      ['head.level_0.block.0', 1, 12, 4],
      ['head.level_0.block.1', 3, 4, 8],
      ['head.level_0.block.2', 1, 8, 4],
      ['head.level_0.block.3', 3, 4, 8],
      ['head.level_0.block.4', 1, 8, 4],
      ['head.level_0.expand', 3, 4, 8],
    ],
    ...(['head.level_0', 8, 2] as const),
  ],
];

/** What a parameter must be, by name, when the file holds 0, 1, 2, ...: at [y, x, i, o] the number that belongs there. */
type Expected = ReadonlyMap<string, (y: number, x: number, i: number, o: number) => number>;

function layout(classes: number): {
  readonly expected: Expected;
  readonly ends: readonly number[];
  readonly count: number;
} {
  const expected = new Map<string, (y: number, x: number, i: number, o: number) => number>();
  const ends: number[] = [];
  let at = 0;
  const normed = (layers: readonly Convolution[]): void => {
    for (const [name, size, inside, outside] of layers) {
      for (const part of ['bias', 'weight', 'running_mean', 'running_var']) {
        const start = at;
        expected.set(`${name}.norm.${part}`, (_y, _x, _i, o) => start + o);
        at += outside;
      }
      const start = at;
      expected.set(`${name}.weight`, (y, x, i, o) => start + ((o * inside + i) * size + y) * size + x);
      at += outside * inside * size * size;
      ends.push(at);
    }
  };
  normed(BACKBONE);
  for (const [layers, level, inside, anchors] of HEAD) {
    normed(layers);
    const logits = 5 + classes;
    const biases = at;
    const filters = at + anchors * logits;
    for (const [output, first, own] of [
      ['boxes', 0, 4],
      ['objectness', 4, 1],
      ['class_logits', 5, classes],
    ] as const) {
      /** Channel of darknet's convolution: anchor by anchor. */
      const channel = (o: number): number => Math.floor(o / own) * logits + first + (o % own);
      expected.set(`${level}.${output}.bias`, (_y, _x, _i, o) => biases + channel(o));
      expected.set(`${level}.${output}.weight`, (_y, _x, i, o) => filters + channel(o) * inside + i);
    }
    at = filters + anchors * logits * inside;
    ends.push(at);
  }
  return {expected, ends, count: at};
}

const OWN = layout(CLASSES);
const BACKBONE_COUNT = OWN.ends[BACKBONE.length - 1]!;

/** 0, 1, 2, ...: single precision has all of them. */
const numbers = (count: number): Float32Array => Float32Array.from({length: count}, (_, i) => i);

function build(config: YoloV3Config = smallYolo, classes = CLASSES): Parameters {
  return buildDetector(config, {classes, seed: 3, imbalance: {}, inputStd: 57}).parameters;
}

async function fileOf(t: ExecutionContext, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(t), 'yolov3.weights');
  await writeFile(path, bytes);
  return path;
}

/** Position of the first value that is not the expected one; -1: none. */
function firstWrong(parameters: Parameters, name: string, expected: Expected): number {
  const {variable} = parameters.get(name);
  const {shape} = variable;
  const [, width = 1, inside = 1] = shape.length === 4 ? shape : [];
  const outside = shape.at(-1)!;
  return variable.dataSync<'float32'>().findIndex((value, flat) => {
    const o = flat % outside;
    const i = Math.floor(flat / outside) % inside;
    const x = Math.floor(flat / outside / inside) % width;
    const y = Math.floor(flat / outside / inside / width);
    return value !== expected.get(name)!(y, x, i, o);
  });
}

const snapshot = (parameters: Parameters): ReadonlyMap<string, readonly number[]> =>
  new Map(parameters.all.map(({name, variable}) => [name, [...variable.dataSync()]]));

test('every number of a file of the whole network is where it belongs', async t => {
  const before = tf.memory().numTensors;
  const path = await fileOf(t, darknetBytes(numbers(OWN.count)));
  const parameters = build();
  t.deepEqual([...OWN.expected.keys()].sort(), parameters.all.map(({name}) => name).sort());
  const result = await loadDarknetWeights(path, {config: smallYolo, parameters, classes: CLASSES});
  t.deepEqual(result, {
    version: '0.2.0',
    imagesSeen: 32_013_312,
    content: {kind: 'detector', classes: CLASSES},
    convolutions: {read: 33, all: 33},
    kept: [],
  });
  for (const {name} of parameters.all) t.is(firstWrong(parameters, name, OWN.expected), -1, name);
  parameters.dispose();
  t.is(tf.memory().numTensors, before);
});

ava.serial('a file of the backbone, and one with a classifier, leave the head as it is', async t => {
  await openForTest('cpu');
  for (const [count, kind] of [
    [BACKBONE_COUNT, 'backbone'],
    // 1000 biases, and filters over the 32 channels of the last map.
    [BACKBONE_COUNT + 1000 * 33, 'classifier'],
  ] as const) {
    // The header of older files: 32 bits of images seen.
    const path = await fileOf(t, darknetBytes(numbers(count), {version: [0, 1, 0], seen: 7}));
    const parameters = build();
    const initial = snapshot(parameters);
    const result = await loadDarknetWeights(path, {config: smallYolo, parameters, classes: CLASSES});
    t.like(result, {version: '0.1.0', imagesSeen: 7, content: {kind}, convolutions: {read: 10, all: 33}});
    for (const {name, variable} of parameters.all) {
      if (name.startsWith('backbone.')) t.is(firstWrong(parameters, name, OWN.expected), -1, name);
      else t.deepEqual([...variable.dataSync()], initial.get(name), name);
    }
    t.deepEqual(
      result.kept,
      parameters.all.map(({name}) => name).filter(name => name.startsWith('head.')),
    );
    parameters.dispose();
  }
});

ava.serial('class logits stay as they are where they mean something else', async t => {
  await openForTest('cpu');
  const six = layout(6);
  for (const [config, fileClasses, {count, expected}] of [
    [smallYolo, 6, six],
    // Of a model without objectness they are not those of objects alone.
    [{...smallYolo, objectness: null}, CLASSES, OWN],
  ] as const) {
    const path = await fileOf(t, darknetBytes(numbers(count)));
    const parameters = build(config);
    const initial = snapshot(parameters);
    const {content, kept} = await loadDarknetWeights(path, {config, parameters, classes: CLASSES});
    t.deepEqual(content, {kind: 'detector', classes: fileClasses});
    t.is(kept.length, 6);
    for (const {name, variable} of parameters.all) {
      if (!name.includes('class_logits')) t.is(firstWrong(parameters, name, expected), -1, name);
      else t.deepEqual([kept.includes(name), [...variable.dataSync()]], [true, initial.get(name)], name);
    }
    parameters.dispose();
  }
});

const HEADER = 20;
const bytesUpTo = (layer: number): number => HEADER + 4 * (layer === 0 ? 0 : OWN.ends[layer - 1]!);
const sizes = `expected ${bytesUpTo(10)} bytes for the backbone, ${bytesUpTo(10) + 132_000} with a classifier of 1000 classes, ${bytesUpTo(33)} with a head of 4`;

/** Numbers with one of them changed. */
function spoilt(position: number, value: number): Buffer {
  const values = numbers(OWN.count);
  values[position] = value;
  return darknetBytes(values);
}

const refusals: readonly (readonly [what: string, bytes: Uint8Array, message: string])[] = [
  ['an empty file', Buffer.alloc(0), 'ends at byte 0, within what was being read'],
  ['a header cut short', darknetHeader().subarray(0, 14), 'ends at byte 14, within what was being read'],
  [
    'a header of another kind of file',
    Buffer.from('PK-archive or text, whatever it is'),
    "is no file of darknet's weights: bytes 0 to 12 give version ",
  ],
  [
    'a count below zero',
    darknetBytes(numbers(OWN.count), {seen: -5}),
    "is no file of darknet's weights: byte 12 gives -5 images seen in training, expected a count",
  ],
  [
    'a backbone that lacks a number',
    darknetBytes(numbers(BACKBONE_COUNT - 1)),
    `has ${bytesUpTo(10) - 4} bytes and ends in backbone.stage5.0.conv2, bytes ${bytesUpTo(9)} to ${bytesUpTo(10)}; ${sizes}`,
  ],
  [
    'a head cut short',
    darknetBytes(numbers(OWN.ends[20]!)),
    `ends in head.level_1.block.3, bytes ${bytesUpTo(21)} to ${bytesUpTo(22)}; ${sizes}`,
  ],
  [
    'numbers after the last layer',
    darknetBytes(numbers(OWN.count + 1)),
    `goes on after head.level_0, which ends at byte ${bytesUpTo(33)}; ${sizes}`,
  ],
  [
    'a part of a number after the last layer',
    Buffer.concat([darknetBytes(numbers(OWN.count)), Buffer.alloc(2)]),
    `goes on after head.level_0, which ends at byte ${bytesUpTo(33)}`,
  ],
  [
    'a filter that is not a number',
    spoilt(40, Number.NaN),
    // The stem's four vectors of 8 come before its filter.
    'byte 180 gives NaN as value 8 of backbone.stem.weight, expected a number; the file is damaged or of another network',
  ],
  [
    'an infinite bias of a prediction',
    spoilt(OWN.ends[15]! + 2, Number.NEGATIVE_INFINITY),
    `byte ${bytesUpTo(16) + 8} gives -Infinity as value 2 of head.level_2.bias, expected a number`,
  ],
  [
    'a variance below zero',
    spoilt(25, -0.5),
    'byte 120 gives -0.5 as value 1 of backbone.stem.norm.running_var, expected a variance',
  ],
];

for (const [what, bytes, message] of refusals) {
  ava.serial(`refused in one line: ${what}`, async t => {
    await openForTest('cpu');
    const path = await fileOf(t, bytes);
    const parameters = build();
    const before = tf.memory().numTensors;
    const target = {config: smallYolo, parameters, classes: CLASSES};
    const error = await t.throwsAsync(loadDarknetWeights(path, target), {instanceOf: RunError});
    t.true(error.message.startsWith(path), error.message);
    t.true(error.message.includes(message), error.message);
    t.false(error.message.includes('\n'));
    t.is(tf.memory().numTensors, before);
    parameters.dispose();
  });
}

ava.serial('nothing of a file that does not fit is taken', async t => {
  await openForTest('cpu');
  const path = await fileOf(t, darknetBytes(numbers(OWN.count)));
  await truncate(path, bytesUpTo(5));
  const parameters = build();
  const initial = snapshot(parameters);
  await t.throwsAsync(loadDarknetWeights(path, {config: smallYolo, parameters, classes: CLASSES}));
  t.deepEqual(snapshot(parameters), initial);
  parameters.dispose();
});

ava.serial('a missing file, a folder, and a model without batch norms are said', async t => {
  await openForTest('cpu');
  const folder = await temporaryFolder(t);
  const parameters = build();
  const target = {config: smallYolo, parameters, classes: CLASSES};
  await t.throwsAsync(loadDarknetWeights(join(folder, 'none.weights'), target), {
    instanceOf: RunError,
    message: /^cannot read .*none\.weights: there is no such file$/,
  });
  await t.throwsAsync(loadDarknetWeights(folder, target), {
    instanceOf: RunError,
    message: /: it is a folder, not a file of darknet's weights$/,
  });
  parameters.dispose();
  const config: YoloV3Config = {...smallYolo, head: {norm: {kind: 'group-norm', groups: 2}}};
  const grouped = build(config);
  await t.throwsAsync(loadDarknetWeights(folder, {config, parameters: grouped, classes: CLASSES}), {
    instanceOf: UsageError,
    message: /^model\.head\.norm\.kind is group-norm, .*; set it to batch-norm or fixed-bn$/,
  });
  grouped.dispose();
});
