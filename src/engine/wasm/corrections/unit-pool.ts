/**
 * MaxPool and AvgPool of one pixel with padding: the stock kernels ignore the padding and leave the rest of their output
 * unwritten. As on tfjs's cpu backend, a 1x1 pool that keeps the shape is the identity; elsewhere it picks every s-th
 * pixel, and where it reads padding max gives -Infinity and the mean of nothing NaN.
 */
import * as tf from '@tensorflow/tfjs';
import {input, type Kernel, share} from './override.js';

type Pooling = {
  filterSize: number | [number, number];
  strides: number | [number, number];
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

export const correctPaddedUnitPool =
  (ofNothing: number) =>
  (stock: Kernel): Kernel =>
  call => {
    const {backend} = call;
    const x = input(call, 'x');
    const {filterSize, strides, pad, dimRoundingMode} = call.attrs as Pooling;
    const pool = tf.backend_util.computePool2DInfo(
      x.shape as [number, number, number, number],
      filterSize,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    const {top, bottom, left, right} = pool.padInfo;
    const padded = top + bottom + left + right > 0;
    if (pool.filterHeight !== 1 || pool.filterWidth !== 1 || !padded) return stock(call);
    if (tf.util.arraysEqual(pool.inShape, pool.outShape)) return share(backend, x);
    const out = backend.makeOutput(pool.outShape, 'float32');
    const values = backend.typedArrayFromHeap(x);
    const pooled = backend.typedArrayFromHeap(out);
    const {inHeight, inWidth, inChannels, outHeight, outWidth} = pool;
    let written = 0;
    for (let image = 0; image < pool.batchSize; image++)
      for (let row = 0; row < outHeight; row++)
        for (let column = 0; column < outWidth; column++) {
          const y = row * pool.strideHeight - top;
          const x = column * pool.strideWidth - left;
          if (y < 0 || y >= inHeight || x < 0 || x >= inWidth) {
            pooled.fill(ofNothing, written, written + inChannels);
          } else {
            const offset = ((image * inHeight + y) * inWidth + x) * inChannels;
            pooled.set(values.subarray(offset, offset + inChannels), written);
          }
          written += inChannels;
        }
    return out;
  };
