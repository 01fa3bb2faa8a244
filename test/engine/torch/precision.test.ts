import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {DEFAULT_ENGINE_OPTIONS} from '../../../src/config/engine-choice.js';
import {openEngine} from '../../../src/engine/open.js';
import {convolution} from '../../../src/engine/ops/convolution.js';
import {buildRecord} from '../../../src/engine/torch/addon.js';
import {UsageError} from '../../../src/errors.js';
import {relativeDifference} from '../ops/agreement.js';

const onTorch = buildRecord() === undefined ? test.serial.skip : test.serial;
const CPU = {...DEFAULT_ENGINE_OPTIONS, device: 'cpu'} as const;

/** A convolution with bias, its gradients, and a matrix product. */
function results(): Float32Array[] {
  // Above zero, so that no sum cancels.
  const values = (shape: number[], seed: number) =>
    tf.tensor(
      Float32Array.from({length: shape.reduce((a, b) => a * b)}, (_, i) => 1.1 + Math.sin(seed + 1.3 * i)),
      shape,
    );
  const tensors = tf.tidy(() => {
    const inputs = [values([1, 12, 12, 16], 1), values([3, 3, 16, 16], 2), values([16], 3)];
    const apply = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
      convolution(x as tf.Tensor4D, filter as tf.Tensor4D, {
        stride: 1,
        padding: 1,
        bias: bias as tf.Tensor1D,
        relu: false,
      });
    const [x, filter, bias] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    const gradients = tf.grads((...given) => tf.sum(apply(given[0]!, given[1]!, given[2]!)))(inputs);
    return [apply(x, filter, bias), ...gradients, tf.matMul(values([20, 30], 4), values([30, 10], 5))];
  });
  const all = tensors.map(tensor => Float32Array.from(tensor.dataSync()));
  tf.dispose(tensors);
  return all;
}

onTorch('bf16 multiplies in bfloat16 and returns float32', async t => {
  await openEngine('torch', CPU);
  const exact = results();
  await openEngine('torch', {...CPU, precision: 'bf16'});
  const rounded = results();
  await openEngine('torch', CPU);
  for (const [i, values] of rounded.entries()) {
    // bfloat16 has 8 significant bits: a value is off by up to 2^-9, a sum that is rounded once more by 2^-8 or so.
    const difference = relativeDifference(values, exact[i]!);
    t.true(difference < 2 ** -6, `result ${i}: off by ${difference}`);
  }
  t.true(relativeDifference(rounded[0]!, exact[0]!) > 2 ** -14, 'nothing was rounded');
});

onTorch('tf32 is refused on the CPU', async t => {
  await t.throwsAsync(openEngine('torch', {...CPU, precision: 'tf32'}), {
    instanceOf: UsageError,
    message: /^engine torch: --precision tf32 cannot be followed on the CPU/,
  });
});
