/**
 * MaxPool and AvgPool of one pixel: XNNPACK refuses a 1x1 window, and the stock kernels return memory that nobody wrote. A
 * 1x1 pool of stride s picks every s-th pixel (an FPN's extra level is one); where padding is read, max gives -Infinity
 * and the mean of nothing NaN, as on tfjs's cpu backend.
 */
import * as tf from '@tensorflow/tfjs';
import {input, type Kernel, share} from './override.js';

type Pooling = {
  filterSize: number | [number, number];
  strides: number | [number, number];
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

export const correctUnitPool =
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
    if (pool.filterHeight !== 1 || pool.filterWidth !== 1) return stock(call);
    if (tf.util.arraysEqual(pool.inShape, pool.outShape)) return share(backend, x);
    const out = backend.makeOutput(pool.outShape, 'float32');
    const values = backend.typedArrayFromHeap(x);
    const pooled = backend.typedArrayFromHeap(out);
    const {inHeight, inWidth, inChannels, outHeight, outWidth} = pool;
    let written = 0;
    for (let image = 0; image < pool.batchSize; image++)
      for (let row = 0; row < outHeight; row++)
        for (let column = 0; column < outWidth; column++) {
          const y = row * pool.strideHeight - pool.padInfo.top;
          const x = column * pool.strideWidth - pool.padInfo.left;
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
