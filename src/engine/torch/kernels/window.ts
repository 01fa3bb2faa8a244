/** How a filter or a pool moves over an image, as native/convolution.h wants it: a value for each spatial dimension. */
import type * as tf from '@tensorflow/tfjs';

export type Window = {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  /** Before the first element. */
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly out: readonly number[];
};

export const window2D = (info: tf.backend_util.Conv2DInfo): Window => ({
  size: [info.filterHeight, info.filterWidth],
  stride: [info.strideHeight, info.strideWidth],
  padding: [info.padInfo.top, info.padInfo.left],
  dilation: [info.dilationHeight, info.dilationWidth],
  out: [info.outHeight, info.outWidth],
});

export const window3D = (info: tf.backend_util.Conv3DInfo): Window => ({
  size: [info.filterDepth, info.filterHeight, info.filterWidth],
  stride: [info.strideDepth, info.strideHeight, info.strideWidth],
  padding: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  dilation: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
  out: [info.outDepth, info.outHeight, info.outWidth],
});
