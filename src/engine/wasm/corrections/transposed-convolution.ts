/**
 * Conv2DBackpropInput with more rows or columns of `dy` than a convolution of `inputShape` gives: `tf.conv2dTranspose`
 * lets the caller choose that shape, and the surplus does not count.
 */
import * as tf from '@tensorflow/tfjs';
import {input, type Kernel} from './override.js';

type Shape4 = [number, number, number, number];
type Convolution = {
  strides: number | [number, number];
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  inputShape: Shape4;
};

export const correctTransposedConvolution =
  (gradient: Kernel): Kernel =>
  call => {
    const {inputs, backend} = call;
    const {inputShape, strides, pad, dataFormat, dimRoundingMode} = call.attrs as Convolution;
    if (dataFormat !== 'NHWC') return gradient(call);
    const dy = input(call, 'dy');
    const filterShape = input(call, 'filter').shape as Shape4;
    const {outShape} = tf.backend_util.computeConv2DInfo(
      inputShape,
      filterShape,
      strides,
      1,
      pad,
      dimRoundingMode,
    );
    if (tf.util.arraysEqual(dy.shape, outShape)) return gradient(call);
    const attrs = {begin: [0, 0, 0, 0], size: outShape};
    const part = tf.getKernel('Slice', 'wasm').kernelFunc({inputs: {x: dy}, backend, attrs});
    if (Array.isArray(part)) throw new Error('Slice has one output');
    try {
      return gradient({...call, inputs: {...inputs, dy: part}});
    } finally {
      backend.disposeData(part.dataId);
    }
  };
