/**
 * Speed of the convolutions on the wasm engine, stock tfjs-backend-wasm against sf's kernels, in GFLOP/s of forward, input
 * gradient and filter gradient: `node dist/test/bench/convolution.js`. Medians over interleaved repetitions, random
 * operands. The stock backend has no filter gradient.
 */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import {convolution} from '../../src/engine/ops/convolution.js';
import {registerWasmKernels} from '../../src/engine/wasm/register.js';
import {Random} from '../../src/random/random.js';

type Case = {
  readonly input: [number, number, number, number];
  readonly size: number;
  readonly out: number;
  readonly stride: number;
};

const CASES: readonly Case[] = [
  {input: [1, 100, 152, 256], size: 3, out: 256, stride: 1},
  {input: [1, 50, 76, 256], size: 3, out: 720, stride: 1},
  {input: [1, 25, 38, 256], size: 3, out: 256, stride: 1},
  {input: [1, 50, 76, 512], size: 1, out: 256, stride: 1},
  {input: [8, 20, 20, 32], size: 3, out: 32, stride: 1},
  {input: [8, 40, 40, 16], size: 3, out: 16, stride: 1},
  {input: [8, 40, 40, 16], size: 3, out: 32, stride: 2},
  {input: [8, 20, 20, 64], size: 1, out: 32, stride: 1},
  {input: [8, 5, 5, 32], size: 3, out: 32, stride: 1},
  {input: [8, 160, 160, 3], size: 7, out: 16, stride: 2},
];
const REPETITIONS = 9;

const random = new Random(1, 'benchmark of convolutions');

function normal(shape: [number, number, number, number]): tf.Tensor4D {
  const values = Float32Array.from({length: tf.util.sizeFromShape(shape)}, () => random.normal());
  return tf.tensor4d(values, shape);
}

/** Milliseconds of each function: the median of interleaved repetitions, so that a busy moment meets all of them. */
function medians(functions: readonly (() => tf.Tensor)[]): number[] {
  const times: number[][] = functions.map(() => []);
  for (let repetition = -2; repetition < REPETITIONS; repetition++) {
    for (const [i, compute] of functions.entries()) {
      const start = performance.now();
      compute().dispose();
      if (repetition >= 0) times[i]!.push(performance.now() - start);
    }
  }
  return times.map(list => list.sort((a, b) => a - b)[REPETITIONS >> 1]!);
}

await tf.setBackend('wasm');
const stockInputGradient = tf.getKernel('Conv2DBackpropInput', 'wasm').kernelFunc;
await registerWasmKernels();

console.log('GFLOP/s (stock -> sf)              forward        input gradient   filter gradient');
for (const {input, size, out, stride} of CASES) {
  const padding = (size - 1) >> 1;
  const x = normal(input);
  const filter = normal([size, size, input[3], out]);
  const sides: [number, number] = [padding, padding];
  const pad: tf.backend_util.ExplicitPadding = [[0, 0], sides, sides, [0, 0]];
  const dy = tf.tidy(() => normal(convolution(x, filter, {stride, padding}).shape));
  const geometry = {stride, padding};
  const stockAttributes = {strides: stride, pad, dataFormat: 'NHWC', inputShape: input};
  const times = medians([
    () => tf.conv2d(x, filter, stride, pad),
    () => convolution(x, filter, geometry),
    () => {
      const info = stockInputGradient({inputs: {dy, filter}, backend: tf.backend(), attrs: stockAttributes});
      return tf.engine().makeTensorFromTensorInfo(info as tf.TensorInfo);
    },
    () => tf.engine().runKernel('SfConvolutionInputGrad', {dy, filter}, {...geometry, shape: input}),
    () => tf.engine().runKernel('SfConvolutionFilterGrad', {x, dy}, {...geometry, shape: filter.shape}),
  ]);
  const operations = 2 * dy.size * size * size * input[3];
  const [forward, ours, inputGradient, ourInputGradient, ourFilterGradient] = times.map(time =>
    (operations / time / 1e6).toFixed(1).padStart(5),
  );
  const name = `${input.join('x')} * ${size}x${size}x${out}/${stride}`.padEnd(30);
  console.log(
    `${name} ${forward} -> ${ours}   ${inputGradient} -> ${ourInputGradient}       - -> ${ourFilterGradient}`,
  );
  tf.dispose([x, filter, dy]);
}
