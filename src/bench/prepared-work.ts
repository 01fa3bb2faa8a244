/** sf's side of a benchmark: from the description of a work to what is timed. */
import * as tf from '@tensorflow/tfjs';
import {runKernel} from '../engine/ops/composite.js';
import {convolution} from '../engine/ops/convolution.js';
import {Random} from '../random/random.js';
import {prepareInference, prepareTraining} from './detector-work.js';
import {prepareCopy, prepareLoss} from './memory-work.js';
import type {ConvolutionWork, MatMulWork, Work} from './work.js';

export type PreparedWork = {
  /** Does the work once and disposes what it made. The device may still be busy. */
  readonly run: () => Promise<void>;
  /** Numbers that training changes, for the other side to agree with. */
  readonly parameters?: number;
  readonly dispose: () => void;
};

export async function prepareWork(work: Work): Promise<PreparedWork> {
  switch (work.kind) {
    case 'convolution':
      return prepareConvolution(work);
    case 'mat-mul':
      return prepareMatMul(work);
    case 'loss':
      return prepareLoss(work);
    case 'copy':
      return prepareCopy(work);
    case 'train':
      return prepareTraining(work);
    case 'inference':
      return prepareInference(work);
  }
}

function noise<T extends tf.Tensor>(random: Random, shape: number[]): T {
  return tf.tensor(
    Float32Array.from({length: tf.util.sizeFromShape(shape)}, () => random.normal()),
    shape,
  ) as T;
}

function repeated(compute: () => tf.Tensor, operands: readonly tf.Tensor[]): PreparedWork {
  return {
    run: async () => compute().dispose(),
    dispose: () => tf.dispose([...operands]),
  };
}

function prepareConvolution(work: ConvolutionWork): PreparedWork {
  const {batch, height, width, inChannels, outChannels, size, stride, direction} = work;
  const padding = (size - 1) >> 1;
  const outSide = (side: number) => Math.floor((side + 2 * padding - size) / stride) + 1;
  const random = new Random(0, 'operands of a benchmark');
  const geometry = {stride, padding};
  const inputShape = [batch, height, width, inChannels];
  const filterShape = [size, size, inChannels, outChannels];
  const outputShape = [batch, outSide(height), outSide(width), outChannels];
  switch (direction) {
    case 'forward': {
      const x = noise<tf.Tensor4D>(random, inputShape);
      const filter = noise<tf.Tensor4D>(random, filterShape);
      return repeated(() => convolution(x, filter, geometry), [x, filter]);
    }
    case 'input gradient': {
      const dy = noise(random, outputShape);
      const filter = noise(random, filterShape);
      const attributes = {...geometry, shape: inputShape};
      return repeated(
        () => runKernel<tf.Tensor>('SfConvolutionInputGrad', {dy, filter}, attributes),
        [dy, filter],
      );
    }
    case 'filter gradient': {
      const dy = noise(random, outputShape);
      const x = noise(random, inputShape);
      const attributes = {...geometry, shape: filterShape};
      return repeated(() => runKernel<tf.Tensor>('SfConvolutionFilterGrad', {x, dy}, attributes), [x, dy]);
    }
  }
}

function prepareMatMul({rows, inner, columns}: MatMulWork): PreparedWork {
  const random = new Random(0, 'operands of a benchmark');
  const a = noise<tf.Tensor2D>(random, [rows, inner]);
  const b = noise<tf.Tensor2D>(random, [inner, columns]);
  return repeated(() => tf.matMul(a, b), [a, b]);
}
