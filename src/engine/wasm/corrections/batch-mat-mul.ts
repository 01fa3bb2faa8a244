/** BatchMatMul of integers: the stock kernel knows float32 only (`tf.confusionMatrix` multiplies int32). */
import * as tf from '@tensorflow/tfjs';
import {matrices} from '../mat-mul.js';
import {input, type Kernel} from './override.js';

export const correctBatchMatMul =
  (stock: Kernel): Kernel =>
  call => {
    const {backend, attrs} = call;
    const a = input(call, 'a');
    const b = input(call, 'b');
    tf.util.assert(
      a.shape.length >= 2 && b.shape.length >= 2,
      () => `matMul: matrices expected, got shapes [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`,
    );
    if (a.dtype === 'float32' && b.dtype === 'float32') return stock(call);
    const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
    const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
    const [rows, inner] = attrs?.transposeA === true ? [aColumns, aRows] : [aRows, aColumns];
    const [innerB, columns] = attrs?.transposeB === true ? [bColumns, bRows] : [bRows, bColumns];
    tf.util.assert(inner === innerB, () => `matMul: inner shapes ${inner} and ${innerB} must match`);
    const [aRow, aInner] = attrs?.transposeA === true ? [1, aColumns] : [aColumns, 1];
    const [bInner, bColumn] = attrs?.transposeB === true ? [1, bColumns] : [bColumns, 1];
    const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    const batchShape = tf.broadcast_util.assertAndGetBroadcastShape(aBatch, bBatch);
    const aMatrices = matrices(aBatch, batchShape);
    const bMatrices = matrices(bBatch, batchShape);

    const out = backend.makeOutput([...batchShape, rows, columns], tf.upcastType(a.dtype, b.dtype));
    const left = backend.typedArrayFromHeap(a);
    const right = backend.typedArrayFromHeap(b);
    const product = backend.typedArrayFromHeap(out);
    for (let i = 0; i < product.length; i++) {
      const column = i % columns;
      const row = Math.floor(i / columns) % rows;
      const batch = Math.floor(i / (rows * columns));
      const aOffset = aMatrices[batch]! * rows * inner + row * aRow;
      const bOffset = bMatrices[batch]! * inner * columns + column * bColumn;
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += left[aOffset + k * aInner]! * right[bOffset + k * bInner]!;
      product[i] = sum;
    }
    return out;
  };
