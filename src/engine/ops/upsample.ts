/** Nearest-neighbour upsampling by two, the top-down path of a feature pyramid (Lin et al., FPN, section 3). */
import * as tf from '@tensorflow/tfjs';
import {usedOnlyHere} from './backward-memory.js';
import {registerComposite, runKernel} from './composite.js';

/** Every pixel four times: [B, H, W, C] -> [B, 2H, 2W, C]. */
export function upsampleNearest2x(x: tf.Tensor4D): tf.Tensor4D {
  return runKernel<tf.Tensor4D>('SfUpsample2x', {x});
}

/**
 * lateral + upsampleNearest2x(coarse) in one pass, a step down the pyramid.
 *
 * @param lateral [B, 2H, 2W, C]
 * @param coarse [B, H, W, C]
 * @throws Error when the lateral map is not exactly twice as large
 */
export function upsampleAdd(lateral: tf.Tensor4D, coarse: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = coarse.shape;
  tf.util.assertShapesMatch(lateral.shape, [batch, 2 * height, 2 * width, channels], 'upsampleAdd: ');
  return runKernel<tf.Tensor4D>('SfUpsampleAdd', {lateral, coarse});
}

function upsampled(x: tf.Tensor): tf.Tensor4D {
  const [, height, width] = x.shape as [number, number, number, number];
  return tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [2 * height, 2 * width]);
}

registerComposite('SfUpsample2x', inputs => upsampled(inputs.x!));

registerComposite('SfUpsampleAdd', inputs => tf.add(inputs.lateral!, upsampled(inputs.coarse!)));

/** The gradient of a pixel is the sum over its four copies. */
registerComposite('SfUpsample2xGrad', inputs =>
  tf.mul(tf.avgPool(inputs.dy as tf.Tensor4D, 2, 2, 'valid'), 4),
);

tf.registerGradient({
  kernelName: 'SfUpsample2x',
  gradFunc: dy => {
    usedOnlyHere(dy as tf.Tensor);
    return {x: () => runKernel<tf.Tensor>('SfUpsample2xGrad', {dy: dy as tf.Tensor})};
  },
});

tf.registerGradient({
  kernelName: 'SfUpsampleAdd',
  gradFunc: dy => {
    usedOnlyHere(dy as tf.Tensor);
    return {
      lateral: () => (dy as tf.Tensor).clone(),
      coarse: () => runKernel<tf.Tensor>('SfUpsample2xGrad', {dy: dy as tf.Tensor}),
    };
  },
});
