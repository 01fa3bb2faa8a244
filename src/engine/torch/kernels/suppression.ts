/**
 * tf.image.nonMaxSuppression and its variants on torch: tfjs's own loops over host values, which the soft variants need
 * anyway. sf's detectors call SfNms (detection.ts).
 */
import * as tf from '@tensorflow/tfjs';
import type {TorchBackend} from '../backend.js';
import {type KernelInputs, registerTorchKernel} from './kernel.js';

const {nonMaxSuppressionV3Impl, nonMaxSuppressionV4Impl, nonMaxSuppressionV5Impl} = tf.kernel_impls;

const hostValues = (backend: TorchBackend, {boxes, scores}: KernelInputs): [Float32Array, Float32Array] => [
  backend.readSync(boxes!.dataId) as Float32Array,
  backend.readSync(scores!.dataId) as Float32Array,
];

function made(backend: TorchBackend, values: Int32Array | Float32Array, shape: number[]): tf.TensorInfo {
  const dtype = values instanceof Int32Array ? 'int32' : 'float32';
  return {dataId: backend.write(values, shape, dtype), shape, dtype};
}

export function registerSuppressionKernels(): void {
  registerTorchKernel<tf.NonMaxSuppressionV3Attrs>('NonMaxSuppressionV3', (backend, inputs, attributes) => {
    const {maxOutputSize, iouThreshold, scoreThreshold} = attributes;
    const {selectedIndices} = nonMaxSuppressionV3Impl(
      ...hostValues(backend, inputs),
      maxOutputSize,
      iouThreshold,
      scoreThreshold,
    );
    return made(backend, Int32Array.from(selectedIndices), [selectedIndices.length]);
  });

  registerTorchKernel<tf.NonMaxSuppressionV4Attrs>('NonMaxSuppressionV4', (backend, inputs, attributes) => {
    const {maxOutputSize, iouThreshold, scoreThreshold, padToMaxOutputSize} = attributes;
    const {selectedIndices, validOutputs} = nonMaxSuppressionV4Impl(
      ...hostValues(backend, inputs),
      maxOutputSize,
      iouThreshold,
      scoreThreshold,
      padToMaxOutputSize,
    );
    return [
      made(backend, Int32Array.from(selectedIndices), [selectedIndices.length]),
      made(backend, Int32Array.of(validOutputs!), []),
    ];
  });

  registerTorchKernel<tf.NonMaxSuppressionV5Attrs>('NonMaxSuppressionV5', (backend, inputs, attributes) => {
    const {maxOutputSize, iouThreshold, scoreThreshold, softNmsSigma} = attributes;
    const {selectedIndices, selectedScores} = nonMaxSuppressionV5Impl(
      ...hostValues(backend, inputs),
      maxOutputSize,
      iouThreshold,
      scoreThreshold,
      softNmsSigma,
    );
    return [
      made(backend, Int32Array.from(selectedIndices), [selectedIndices.length]),
      made(backend, Float32Array.from(selectedScores!), [selectedScores!.length]),
    ];
  });
}
