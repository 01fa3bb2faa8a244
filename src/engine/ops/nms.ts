/** Non-maximum suppression (Felzenszwalb et al., "Object detection with discriminatively trained part-based models", Sec. 5.2). No gradient. */
import * as tf from '@tensorflow/tfjs';
import {classwiseNms as classwiseNmsOnHost, nonMaximumSuppression} from '../host/nms.js';
import {registerComposite, runKernel} from './composite.js';

export type NmsOptions = {
  /** A box goes when its IoU with a better one that stays is above this; 0 .. 1. */
  readonly iouThreshold: number;
  /** Stops after so many; default: all that stay. */
  readonly maxOutput?: number;
};

export type NmsAttributes = {iouThreshold: number; maxOutput: number};

/**
 * The boxes that stay, by falling score, of equal scores the lower index first. The rule is torchvision's: IoU in
 * single precision, strictly above the threshold suppresses.
 *
 * A box without area or with a NaN coordinate overlaps nothing and stays; a box whose score is NaN is left out.
 *
 * @param boxes float32 [N, 4], XYXY
 * @param scores float32 [N]
 * @returns int32 [K], indices of the kept boxes
 * @throws Error when shapes, dtypes or options do not fit
 */
export function nms(boxes: tf.Tensor2D, scores: tf.Tensor1D, options: NmsOptions): tf.Tensor1D {
  return run({boxes, scores}, options);
}

/**
 * The same with every class for itself: boxes suppress only boxes of their class. Result by falling score over all
 * classes, at most `maxOutput` boxes.
 *
 * @param classes int32 [N], any numbers
 */
export function classwiseNms(
  boxes: tf.Tensor2D,
  scores: tf.Tensor1D,
  classes: tf.Tensor1D,
  options: NmsOptions,
): tf.Tensor1D {
  if (classes.dtype !== 'int32') throw new Error(`nms: classes must be int32, not ${classes.dtype}`);
  tf.util.assertShapesMatch(classes.shape, scores.shape, 'nms: classes and scores ');
  return run({boxes, scores, classes}, options);
}

function run(inputs: {boxes: tf.Tensor2D; scores: tf.Tensor1D; classes?: tf.Tensor1D}, options: NmsOptions) {
  const {boxes, scores} = inputs;
  const {iouThreshold, maxOutput = boxes.shape[0]} = options;
  tf.util.assertShapesMatch(boxes.shape, [scores.size, 4], 'nms: boxes and scores ');
  for (const [name, {dtype}] of Object.entries({boxes, scores})) {
    if (dtype !== 'float32') throw new Error(`nms: ${name} must be float32, not ${dtype}`);
  }
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new Error(`nms: the IoU threshold must be in 0 .. 1, not ${iouThreshold}`);
  }
  if (!(Number.isSafeInteger(maxOutput) && maxOutput >= 0)) {
    throw new Error(`nms: maxOutput must be a whole number, not ${maxOutput}`);
  }
  return runKernel<tf.Tensor1D>('SfNms', inputs, {iouThreshold, maxOutput});
}

registerComposite<NmsAttributes>('SfNms', (inputs, {iouThreshold, maxOutput}) => {
  const boxes = inputs.boxes!.dataSync<'float32'>();
  const scores = inputs.scores!.dataSync<'float32'>();
  const classes = inputs.classes?.dataSync<'int32'>();
  return tf.tensor1d(
    classes === undefined
      ? nonMaximumSuppression(boxes, scores, iouThreshold, maxOutput)
      : classwiseNmsOnHost(boxes, scores, classes, iouThreshold, maxOutput),
    'int32',
  );
});
