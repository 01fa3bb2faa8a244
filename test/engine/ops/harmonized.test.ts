/** The kernels of harmonized losses against the composite, over sizes that the losses' own tests do not reach. */
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {harmonizedCrossEntropySum} from '../../../src/engine/ops/harmonized-cross-entropy.js';
import {harmonizedL1Sum} from '../../../src/engine/ops/harmonized-l1.js';
import {FAST_ENGINES} from '../../engines.js';
import {
  assertEnginesAgree,
  floats,
  integer,
  integers,
  type Operation,
  onEngine,
  type Values,
} from './agreement.js';

/** The loss and the sums after it, in one tensor: [1 + M]. */
const together = ({loss, sums}: {loss: tf.Scalar; sums: tf.Tensor1D}): tf.Tensor =>
  tf.concat([loss.as1D(), tf.mul(sums, 1e-3)]);

const crossEntropy =
  (levelCounts: readonly number[]): Operation =>
  (logits, labels, weights, sums) =>
    together(
      harmonizedCrossEntropySum(
        logits as tf.Tensor3D,
        labels as tf.Tensor2D,
        weights as tf.Tensor2D,
        sums as tf.Tensor1D,
        {levelCounts, momentum: 0.75},
      ),
    );

/** Most are 1, some are 0 or a half, which counts as 1. */
function samplerWeights(shape: number[]): Values {
  const {values, ...rest} = integers(shape, 0, 9);
  return {...rest, dtype: 'float32', values: Float32Array.from(values, value => Math.min(value / 2, 1))};
}

/** Moves logits until no sigmoid is so near to an edge of a bin that rounding decides on which side. */
function clearOfEdges({values, ...rest}: Values, bins: number): Values {
  const distance = (z: number): number => {
    const place = bins / (1 + Math.exp(-z));
    const edge = Math.round(place);
    return edge === 0 || edge === bins ? 1 : Math.abs(place - edge) / bins;
  };
  return {...rest, values: values.map(z => (distance(z) < 1e-6 ? z + 1e-4 * Math.exp(Math.abs(z)) : z))};
}

/** Between 1 and 100. */
function runningSums(bins: number): Values {
  const {values, ...rest} = integers([bins], 1, 100);
  return {...rest, dtype: 'float32', values: Float32Array.from(values)};
}

test.serial('harmonized cross-entropy agrees between the engines over levels, classes and bins', async t => {
  for (const [classes, spread, bins] of [
    [1, 2, integer(1, 40)],
    [3, 8, integer(1, 40)],
    [80, 4, integer(1, 32)],
    [700, 3, integer(33, 256)],
    // Losses of hundreds, probabilities of 0 and 1.
    [80, 200, 30],
  ] as const) {
    const levelCounts = [integer(30, 60), 0, integer(1, 9), 1];
    const shape = [2, levelCounts.reduce((sum, count) => sum + count, 0)];
    const inputs = [
      floats([...shape, classes], spread),
      integers(shape, -1, classes),
      samplerWeights(shape),
      runningSums(bins),
    ];
    await assertEnginesAgree(t, crossEntropy(levelCounts), inputs, 1, 1e-5);
    // Background that has been learned: all in one bin.
    const easy = {...inputs[0]!, values: Float32Array.from(inputs[0]!.values, z => z - 12)};
    await assertEnginesAgree(t, crossEntropy(levelCounts), [easy, ...inputs.slice(1)], 1, 1e-5);
  }
});

test.serial(
  'harmonized cross-entropy agrees between the engines over numbers of bins and extreme logits',
  async t => {
    for (const bins of [1, 31, 32, 33, 256])
      for (const spread of [6, 120]) {
        const shape = [2, 57];
        const inputs = [
          clearOfEdges(floats([...shape, 11], spread), bins),
          integers(shape, -1, 11),
          samplerWeights(shape),
          runningSums(bins),
        ];
        await assertEnginesAgree(t, crossEntropy([50, 0, 7]), inputs, 1, 2e-6);
      }
  },
);

test.serial('harmonized distances agree between the engines', async t => {
  for (const rows of [1, 7, 300]) {
    const operation: Operation = (predicted, target, level, sums) =>
      together(
        harmonizedL1Sum(
          predicted as tf.Tensor2D,
          target as tf.Tensor2D,
          level as tf.Tensor1D,
          sums as tf.Tensor1D,
          {levels: 4, mu: 0.02, momentum: 0.7},
        ),
      );
    const inputs = [floats([rows, 4], 0.1), floats([rows, 4], 0.1), integers([rows], 0, 3), runningSums(10)];
    await assertEnginesAgree(t, operation, inputs, 1, 1e-5);
  }
});

// One more than float32 can count to one by one, twice. The composite counts with integers, and would take half a minute.
for (const engine of FAST_ENGINES.filter(name => name === 'torch'))
  test.serial(`seventeen million equal examples are counted to the last one on ${engine}`, async t => {
    const anchors = 2 ** 24 + 2;
    const sums = await onEngine(t, engine, () =>
      tf.tidy(() => {
        const options = {levelCounts: [anchors], momentum: 0};
        const moved = harmonizedCrossEntropySum(
          tf.fill([1, anchors, 1], -3),
          tf.zeros([1, anchors], 'int32'),
          tf.ones([1, anchors]),
          tf.zeros([2]),
          options,
        );
        return [...moved.sums.dataSync()];
      }),
    );
    t.deepEqual(sums, [anchors, 0]);
  });
