/**
 * Works that memory bounds, not arithmetic: the classification losses of dense stages with their gradients, and the copy that
 * they are held against.
 */
import * as tf from '@tensorflow/tfjs';
import {classificationLoss} from '../losses/classification-loss.js';
import {Random} from '../random/random.js';
import type {PreparedWork} from './prepared-work.js';
import {type CopyWork, examplesOf, type LossWork} from './work.js';

/** Numbers of noise; larger tensors repeat them. */
const DRAWN = 2 ** 20;

/** An example in so many is foreground. */
const FOREGROUND_EVERY = 1000;

/** Logits of a network that has begun to learn: sizes of gradients from 0 to 1, most of them small. */
const LOGIT_MEAN = -3;
const LOGIT_DEVIATION = 2;

/** Into memory that is allocated for it, as the gradient of a loss is. tfjs has no operation that only copies; this one negates. */
export function prepareCopy({numbers}: CopyWork): PreparedWork {
  const x = noise(numbers, 0, 1);
  return {run: async () => tf.neg(x).dispose(), dispose: () => x.dispose()};
}

export function prepareLoss(work: LossWork): PreparedWork {
  const {loss, batch, classes, levelCounts} = work;
  const examples = examplesOf(work);
  const shape: [number, number] = [batch, examples / batch];
  const flat = noise(examples * classes, LOGIT_MEAN, LOGIT_DEVIATION);
  const logits = tf.reshape(flat, [...shape, classes]) as tf.Tensor3D;
  flat.dispose();
  const ofExamples = Int32Array.from({length: examples}, (_, i) =>
    i % FOREGROUND_EVERY === 0 ? 1 + ((i / FOREGROUND_EVERY) % classes) : 0,
  );
  const labels = tf.tensor2d(ofExamples, shape, 'int32');
  const weights = tf.ones<tf.Rank.R2>(shape);
  const remembered: tf.Variable[] = [];
  const sumOf = classificationLoss(loss, (_, size) => {
    const sums = tf.tidy(() => tf.variable(tf.zeros([size]), false));
    remembered.push(sums);
    return sums;
  });
  const gradient = tf.valueAndGrad((z: tf.Tensor) =>
    sumOf({logits: z as tf.Tensor3D, labels, weights, levelCounts}),
  );
  return {
    run: async () => tf.dispose(Object.values(gradient(logits))),
    dispose: () => tf.dispose([logits, labels, weights, ...remembered]),
  };
}

function noise(count: number, mean: number, deviation: number): tf.Tensor1D {
  const random = new Random(0, 'operands of a benchmark');
  const drawn = Float32Array.from({length: Math.min(count, DRAWN)}, () => mean + deviation * random.normal());
  const values = new Float32Array(count);
  for (let start = 0; start < count; start += drawn.length) {
    values.set(drawn.subarray(0, Math.min(drawn.length, count - start)), start);
  }
  return tf.tensor1d(values);
}
