/** Initial weights, drawn on the host so that a seed gives the same model on every engine. */
import * as tf from '@tensorflow/tfjs';
import {Random} from '../random/random.js';

/** How a filter [kh, kw, in, out] starts. */
export type InitialFilter =
  /** N(0, deviation^2): detection heads (RetinaNet, Sec. 4.1). */
  | {readonly kind: 'normal'; readonly deviation: number}
  /** N(0, 2 / (kh kw out)): He et al. 2015, for layers before a ReLU. */
  | {readonly kind: 'kaiming-normal'}
  /** N(0, 2 / (kh kw in)): the same by what goes into the layer, as darknet draws all of its filters. */
  | {readonly kind: 'kaiming-normal-in'}
  /** U(-b, b), b = sqrt(3 / (kh kw in)): keeps the variance of a layer without a ReLU (FPN). */
  | {readonly kind: 'kaiming-uniform'}
  /** U(-b, b), b = sqrt(6 / (kh kw (in + out))): Glorot and Bengio 2010, Eq. 16. */
  | {readonly kind: 'xavier-uniform'};

export type FilterShape = readonly [height: number, width: number, inChannels: number, outChannels: number];

/** Draws the filter called `name` of the model with this seed; other filters do not influence it. */
export function initialFilter(
  initial: InitialFilter,
  shape: FilterShape,
  seed: number,
  name: string,
): tf.Tensor4D {
  return tf.tensor4d(initialValues(initial, shape, seed, name), [...shape]);
}

/** The values of that filter, for layers that keep theirs in another shape. */
export function initialValues(
  initial: InitialFilter,
  [height, width, inChannels, outChannels]: FilterShape,
  seed: number,
  name: string,
): Float32Array {
  const random = new Random(seed, `parameter ${name}`);
  const values = new Float32Array(height * width * inChannels * outChannels);
  switch (initial.kind) {
    case 'normal':
      for (let i = 0; i < values.length; i++) values[i] = random.normal(0, initial.deviation);
      break;
    case 'kaiming-normal':
    case 'kaiming-normal-in': {
      const channels = initial.kind === 'kaiming-normal' ? outChannels : inChannels;
      const deviation = Math.sqrt(2 / (height * width * channels));
      for (let i = 0; i < values.length; i++) values[i] = random.normal(0, deviation);
      break;
    }
    case 'kaiming-uniform': {
      const bound = Math.sqrt(3 / (height * width * inChannels));
      for (let i = 0; i < values.length; i++) values[i] = random.uniform(-bound, bound);
      break;
    }
    case 'xavier-uniform': {
      const bound = Math.sqrt(6 / (height * width * (inChannels + outChannels)));
      for (let i = 0; i < values.length; i++) values[i] = random.uniform(-bound, bound);
      break;
    }
  }
  return values;
}
