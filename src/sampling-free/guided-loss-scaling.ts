/**
 * Guided loss scaling, Eq. 8: the scale of the classification loss is w = L_REG / L_CLS of this mini-batch, a constant
 * for back-propagation. The scaled loss then has the value of L_REG, and its gradient is L_REG times that of log L_CLS.
 */
import * as tf from '@tensorflow/tfjs';
import type {LossScaling} from '../config/stage.js';
import {noGrad} from '../engine/ops/no-grad.js';

/**
 * The w of Eq. 5, with no gradient to either loss; it belongs to the caller.
 *
 * Guided: without foreground L_REG = 0, so w = 0 and the mini-batch teaches nothing. Where L_CLS = 0 nothing is left to
 * scale, and w = 0 instead of 0 / 0 or infinity. A loss that is not finite gives a total that is not finite:
 * divergence stays visible.
 *
 * @param box L_REG
 * @param classification L_CLS, normalised but not scaled
 */
export function lossScale(config: LossScaling, box: tf.Scalar, classification: tf.Scalar): tf.Scalar {
  switch (config.kind) {
    case 'none':
      return tf.scalar(1);
    case 'constant':
      return tf.scalar(config.w);
    case 'guided':
      return noGrad(
        (reg, cls) => tf.mul<tf.Scalar>(tf.divNoNan(reg!, cls!), config.gain),
        box,
        classification,
      );
  }
}
