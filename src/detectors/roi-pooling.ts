/** Features of boxes from the pyramid: RoIAlign (He et al. 2017) of the level that fits the box (Lin et al. 2017, Eq. 1). */
import * as tf from '@tensorflow/tfjs';
import {roiLevels} from '../boxes/roi-levels.js';
import type {PoolingConfig, RoiLevelsConfig} from '../config/two-stage.js';
import {pyramidRoiAlign} from '../engine/ops/roi-align.js';
import type {Rois} from './rois.js';

/** Strides of P2 to P5: boxes are never pooled from P6. */
export const ROI_STRIDES: readonly number[] = [4, 8, 16, 32];

/**
 * @param levels P2, P3, .. of the pyramid, finest first; those beyond P5 are not looked at
 * @returns [R, size, size, C] in the order of the boxes
 */
export function poolRois(
  levels: readonly tf.Tensor4D[],
  {boxes, imageOf}: Rois,
  {size, samplingRatio, aligned}: PoolingConfig,
  levelsConfig: RoiLevelsConfig,
): tf.Tensor4D {
  const count = imageOf.length;
  const channels = levels[0]!.shape[3];
  if (count === 0) return tf.zeros([0, size, size, channels]);
  return tf.tidy(() =>
    pyramidRoiAlign(
      ROI_STRIDES.map((stride, level) => ({features: levels[level]!, spatialScale: 1 / stride})),
      tf.tensor2d(boxes, [count, 4]),
      tf.tensor1d(imageOf, 'int32'),
      tf.tensor1d(roiLevels(boxes, {finest: 2, coarsest: 5, ...levelsConfig}), 'int32'),
      {outputSize: [size, size], samplingRatio, aligned},
    ),
  );
}
