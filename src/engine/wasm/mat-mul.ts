/**
 * Matrix products on the wasm engine: the stock kernel is slow as soon as one operand is transposed. And the fully
 * connected layer, which is a 1x1 convolution of an image of one row.
 */
import * as tf from '@tensorflow/tfjs';
import {registerWasmKernel} from './kernel.js';

type Attributes = {transposeA: boolean; transposeB: boolean};

const FLOAT_BYTES = 4;

/** For every matrix of the broadcast batch, in order, which matrix of an operand with batch axes `own` it is. */
export function matrices(own: readonly number[], batch: readonly number[]): number[] {
  let indices = [0];
  for (const [axis, size] of batch.entries()) {
    const ownSize = own[axis - batch.length + own.length] ?? 1;
    indices = indices.flatMap(index =>
      Array.from({length: size}, (_, i) => index * ownSize + (ownSize === 1 ? 0 : i)),
    );
  }
  return indices;
}

export function registerMatMul(): void {
  for (const [name, relu] of [
    ['SfDense', false],
    ['SfDenseRelu', true],
  ] as const) {
    registerWasmKernel<{shape: number[]}>(name, ({inputs, attributes, backend, module}) => {
      const [depth, columns] = inputs.filter!.shape as [number, number];
      const rows = tf.util.sizeFromShape(inputs.x!.shape) / depth;
      const y = backend.makeOutput(attributes.shape, 'float32');
      module.withScratch(module.call('convolutionScratch', 1, 1, depth, columns), scratch =>
        module.call(
          'convolution',
          ...[inputs.x!, inputs.filter!, inputs.bias ?? 0, y, scratch, 1, 1, rows, depth, 1, 1],
          ...[1, rows, columns, 1, 0, 0, relu ? 0 : 1],
        ),
      );
      return y;
    });
  }
  const stock = tf.getKernel('BatchMatMul', 'wasm');
  registerWasmKernel<Attributes>('BatchMatMul', ({inputs, attributes, backend, module}) => {
    const {a, b} = inputs as {a: tf.TensorInfo; b: tf.TensorInfo};
    const {transposeA, transposeB} = attributes;
    if (a.dtype !== 'float32' || b.dtype !== 'float32') {
      return stock.kernelFunc({inputs: {a, b}, backend, attrs: {transposeA, transposeB}});
    }
    const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
    const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
    const [rows, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
    const [bDepth, columns] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
    tf.util.assert(depth === bDepth, () => `matMul: inner sizes ${depth} and ${bDepth} differ`);
    const batchA = a.shape.slice(0, -2);
    const batchB = b.shape.slice(0, -2);
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
    const c = backend.makeOutput([...batch, rows, columns], 'float32');
    const [atA, atB, atC] = [module.address(a), module.address(b), module.address(c)];
    const matricesA = matrices(batchA, batch);
    const matricesB = matrices(batchB, batch);
    module.withScratch(module.call('matMulScratch', depth, columns), scratch => {
      for (let i = 0; i < matricesA.length; i++) {
        module.call(
          'matMul',
          atA + matricesA[i]! * rows * depth * FLOAT_BYTES,
          atB + matricesB[i]! * depth * columns * FLOAT_BYTES,
          atC + i * rows * columns * FLOAT_BYTES,
          scratch,
          ...[rows, depth, columns, transposeA, transposeB],
        );
      }
    });
    return c;
  });
}
