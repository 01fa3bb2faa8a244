/**
 * Darknet's binary weights into YOLOv3: a backbone of its own (darknet53.conv.74), one that was trained to classify
 * (darknet53.weights), or a whole detector (yolov3.weights). Layers follow one another (darknet, src/parser.c,
 * load_convolutional_weights): of a convolution with batch norm its offsets, multipliers, running means and running
 * variances, then the filter [out, in, height, width]; of the predicting ones the biases, then the filter, whose channels
 * are x, y, width, height, objectness and classes of the first anchor, then of the next.
 *
 * The file says nothing of its layers. What fits is known by its size, which is checked before the first value is read.
 *
 * Darknet computes (x - mean) / (sqrt(variance) + 1e-6) on a CPU and (x - mean) / sqrt(variance + 1e-5) with CUDA, which
 * published weights are trained with. Here it is the second, with the config's epsilon, which is darknet's by default. The
 * two are the same within 1e-4 where a running variance is above 0.05: they differ by 5e-6 / variance.
 */
import * as tf from '@tensorflow/tfjs';
import type {YoloV3Config} from '../config/yolov3.js';
import {RunError} from '../errors.js';
import type {Parameters} from '../layers/parameters.js';
import {type DarknetFile, FLOAT_BYTES, openDarknetFile} from './darknet-file.js';
import {
  type DarknetLayer,
  type DarknetLayers,
  darknetLayers,
  floatsOf,
  type NormedLayer,
  OTHER_LOGITS,
  type PredictingLayer,
} from './darknet-layers.js';

/** What a file holds beside the backbone. */
export type DarknetContent =
  | {readonly kind: 'backbone'}
  /** Of ImageNet's classes, after an average over the last map. */
  | {readonly kind: 'classifier'}
  | {readonly kind: 'detector'; readonly classes: number};

export type DarknetImport = {
  readonly version: string;
  readonly imagesSeen: number;
  readonly content: DarknetContent;
  /** Convolutions that were read, of those that the model has; a level's predicting ones are one. */
  readonly convolutions: {readonly read: number; readonly all: number};
  /** Names of the parameters that the file has no values for: they are as they were. */
  readonly kept: readonly string[];
};

export type DarknetTarget = {
  readonly config: YoloV3Config;
  readonly parameters: Parameters;
  /** C, foreground classes. */
  readonly classes: number;
};

const IMAGENET_CLASSES = 1000;
/** The output of a level that depends on what the classes are. */
const CLASS_LOGITS = 'class_logits';

/**
 * Puts the weights of a file into a model, layer by layer: memory for the largest of them. Class logits stay as they are
 * where the file has another number of classes, or the model no objectness beside them: they mean something else then.
 * @throws RunError naming file and place when it is not darknet's, does not fit the model, or has values that are no weights
 * @throws UsageError when the model has no batch norms
 */
export async function loadDarknetWeights(path: string, target: DarknetTarget): Promise<DarknetImport> {
  const {config, parameters, classes} = target;
  const layers = darknetLayers(config, parameters);
  const file = await openDarknetFile(path);
  try {
    const content = contentOf(file, layers, classes);
    const all = [...layers.backbone, ...layers.head];
    const present = content.kind === 'detector' ? all : layers.backbone;
    const written = new Set<string>();
    for (const layer of present) {
      for await (const {name, tensor} of readLayer(file, layer, content)) {
        if (takes(target, content, name)) {
          parameters.get(name).variable.assign(tensor);
          written.add(name);
        }
        tensor.dispose();
      }
    }
    return {
      ...{version: file.version, imagesSeen: file.imagesSeen, content},
      convolutions: {read: present.length, all: all.length},
      kept: parameters.all.map(({name}) => name).filter(name => !written.has(name)),
    };
  } finally {
    await file.close();
  }
}

/** Whether the model has the parameter, and it means there what it does in the file. */
function takes({config, parameters, classes}: DarknetTarget, content: DarknetContent, name: string): boolean {
  if (!parameters.has(name)) return false;
  if (!name.endsWith(`.${CLASS_LOGITS}.weight`) && !name.endsWith(`.${CLASS_LOGITS}.bias`)) return true;
  return content.kind === 'detector' && content.classes === classes && config.objectness !== null;
}

/** @throws RunError when nothing that darknet writes for these layers has the size of the file */
function contentOf(file: DarknetFile, {backbone, head}: DarknetLayers, classes: number): DarknetContent {
  const sum = (layers: readonly DarknetLayer[], ofClasses: number): number =>
    layers.reduce((floats, layer) => floats + floatsOf(layer, ofClasses), 0);
  const floats = (file.bytes - file.headerBytes) / FLOAT_BYTES;
  const ofBackbone = sum(backbone, 0);
  const ofClassifier = IMAGENET_CLASSES * (1 + backbone.at(-1)!.outChannels);
  const withoutClasses = ofBackbone + sum(head, 0);
  const ofClass = sum(head, 1) - sum(head, 0);
  const ownClasses = (floats - withoutClasses) / ofClass;
  if (floats === ofBackbone) return {kind: 'backbone'};
  if (ownClasses === classes) return {kind: 'detector', classes};
  if (floats === ofBackbone + ofClassifier) return {kind: 'classifier'};
  if (Number.isInteger(ownClasses) && ownClasses > 0) return {kind: 'detector', classes: ownClasses};
  const bytes = (count: number): number => file.headerBytes + count * FLOAT_BYTES;
  const expected = [
    `${bytes(ofBackbone)} bytes for the backbone`,
    `${bytes(ofBackbone + ofClassifier)} with a classifier of ${IMAGENET_CLASSES} classes`,
    `${bytes(withoutClasses + classes * ofClass)} with a head of ${classes}`,
  ];
  throw new RunError(
    `${file.path} does not fit this model: it has ${file.bytes} bytes and ${whereItEnds(file, [...backbone, ...head], classes)}; ` +
      `expected ${expected.join(', ')}; check model.backbone.blocks and width, or copy the file again`,
  );
}

function whereItEnds(file: DarknetFile, layers: readonly DarknetLayer[], classes: number): string {
  let begin = file.headerBytes;
  for (const layer of layers) {
    const end = begin + floatsOf(layer, classes) * FLOAT_BYTES;
    if (file.bytes < end) return `ends in ${layer.name}, bytes ${begin} to ${end}`;
    begin = end;
  }
  return `goes on after ${layers.at(-1)!.name}, which ends at byte ${begin}`;
}

type NamedTensor = {readonly name: string; readonly tensor: tf.Tensor};

/** The parameters of the next layer in the order of the file, in our order of axes. The caller owns the tensors. */
async function* readLayer(
  file: DarknetFile,
  layer: DarknetLayer,
  content: DarknetContent,
): AsyncGenerator<NamedTensor, void, void> {
  switch (layer.kind) {
    case 'normed':
      yield* readNormed(file, layer);
      return;
    case 'predicting':
      if (content.kind !== 'detector') throw new Error(`${file.path} has no ${layer.name}`);
      yield* readPredicting(file, layer, content.classes);
  }
}

async function* readNormed(file: DarknetFile, layer: NormedLayer): AsyncGenerator<NamedTensor, void, void> {
  const {name, size, inChannels, outChannels} = layer;
  for (const part of ['bias', 'weight', 'running_mean', 'running_var']) {
    const full = `${name}.norm.${part}`;
    const least = part === 'running_var' ? 0 : Number.NEGATIVE_INFINITY;
    yield {name: full, tensor: tf.tensor1d(await readValues(file, outChannels, full, least))};
  }
  const weight = `${name}.weight`;
  const values = await readValues(file, outChannels * size * size * inChannels, weight);
  const tensor = tf.tidy(() =>
    tf.transpose(tf.tensor4d(values, [outChannels, inChannels, size, size]), [2, 3, 1, 0]),
  );
  yield {name: weight, tensor};
}

async function* readPredicting(
  file: DarknetFile,
  {name, inChannels, anchors}: PredictingLayer,
  classes: number,
): AsyncGenerator<NamedTensor, void, void> {
  const logits = OTHER_LOGITS + classes;
  /** [anchors * logits, columns] -> for boxes, objectness and classes [their channels, columns] */
  const split = (values: Float32Array, columns: number): tf.Tensor2D[] =>
    tf.tidy(() =>
      tf
        .split(tf.tensor3d(values, [anchors, logits, columns]), [4, 1, classes], 1)
        .map(part => tf.reshape(part, [-1, columns]) as tf.Tensor2D),
    );
  for (const [suffix, columns] of [
    ['bias', 1],
    ['weight', inChannels],
  ] as const) {
    const values = await readValues(file, anchors * logits * columns, `${name}.${suffix}`);
    const parts = split(values, columns);
    try {
      for (const [i, output] of ['boxes', 'objectness', CLASS_LOGITS].entries()) {
        const part = parts[i]!;
        const tensor =
          suffix === 'bias'
            ? tf.reshape(part, [-1])
            : tf.tidy(() => tf.reshape(tf.transpose(part), [1, 1, inChannels, -1]));
        yield {name: `${name}.${output}.${suffix}`, tensor};
      }
    } finally {
      tf.dispose(parts);
    }
  }
}

/** @param least that a value may be */
async function readValues(
  file: DarknetFile,
  count: number,
  name: string,
  least = Number.NEGATIVE_INFINITY,
): Promise<Float32Array> {
  const {position} = file;
  const values = await file.read(count);
  const wrong = values.findIndex(value => !Number.isFinite(value) || value < least);
  if (wrong !== -1) {
    const wanted = least === 0 ? 'a variance' : 'a number';
    throw new RunError(
      `${file.path}: byte ${position + wrong * FLOAT_BYTES} gives ${values[wrong]} as value ${wrong} of ${name}, expected ${wanted}; ` +
        'the file is damaged or of another network',
    );
  }
  return values;
}
