/**
 * GHM-C: binary cross-entropies of all classes from logits, harmonized (harmonized.ts) by the size of their derivative,
 * g = |sigmoid(z) - t|. With v = z for the classes that an example is not and v = -z for the one that it is, g = sigmoid(v)
 * and the loss is log(1 + e^v).
 */
import * as tf from '@tensorflow/tfjs';
import {registerComposite, runKernel} from './composite.js';
import {
  countBins,
  type Harmonized,
  type HarmonizedOptions,
  lookUp,
  splitOutputs,
  tablePositions,
  weighBins,
} from './harmonized.js';
import {assertExamples} from './sigmoid-cross-entropy.js';

type Attributes = {levelCounts: number[]; momentum: number};

/**
 * sum over b, a, c of weight(level of a, bin of g) * BCE(logits[b, a, c], labels[b, a] == c + 1).
 *
 * Labels, weights and running sums are constants: a gradient with respect to them is an error.
 *
 * @param logits [B, A, C]
 * @param labels int32 [B, A]: -1 contributes 0, 0 is background, 1..C the class
 * @param weights float32 [B, A]: an example counts unless its weight is 0; there are no degrees
 * @param sums S, [M]
 * @param options.levelCounts how many of the A are of each level, in order
 */
export function harmonizedCrossEntropySum(
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  weights: tf.Tensor2D,
  sums: tf.Tensor,
  {levelCounts, momentum}: HarmonizedOptions & {readonly levelCounts: readonly number[]},
): Harmonized {
  assertExamples('harmonizedCrossEntropySum', logits, labels, weights);
  const counted = levelCounts.reduce((sum, count) => sum + count, 0);
  if (counted !== logits.shape[1]) {
    throw new Error(`harmonizedCrossEntropySum: levels of ${counted} examples, logits of ${logits.shape[1]}`);
  }
  return splitOutputs(
    runKernel<tf.Tensor[]>(
      'SfHarmonizedCrossEntropy',
      {logits, labels, weights, sums},
      {levelCounts: [...levelCounts], momentum},
    ),
  );
}

/** Of every (example, class): whether it counts, v and dv/dz, g, and its position in the table. */
function classified(inputs: tf.NamedTensorMap, levelCounts: readonly number[], bins: number) {
  const logits = inputs.logits!;
  const label = tf.expandDims(inputs.labels!, -1); // [B, A, 1]
  const isCounted = tf.logicalAnd(
    tf.greaterEqual(label, 0),
    tf.notEqual(tf.expandDims(inputs.weights!, -1), 0),
  );
  const isOwn = tf.equal(label, tf.range(1, logits.shape[2]! + 1, 1, 'int32')); // [B, A, C]
  const sign = tf.sub(1, tf.mul(tf.cast(isOwn, 'float32'), 2));
  const v = tf.mul(logits, sign);
  const size = tf.sigmoid(v);
  const level = Int32Array.from(levelCounts.flatMap((count, index) => new Array<number>(count).fill(index)));
  const positions = tablePositions(size, tf.tensor3d(level, [1, level.length, 1]), bins);
  const counts = tf.logicalAnd(isCounted, tf.onesLike(isOwn));
  const beyond = tf.fill(logits.shape, levelCounts.length * bins, 'int32');
  return {counts, v, sign, size, positions: tf.where(counts, positions, beyond)};
}

registerComposite<Attributes>('SfHarmonizedCrossEntropy', (inputs, {levelCounts, momentum}) => {
  const bins = inputs.sums!.size;
  const {counts, v, positions} = classified(inputs, levelCounts, bins);
  const found = countBins(positions, levelCounts.length, bins);
  const {table, sums} = weighBins(found, inputs.sums as tf.Tensor1D, momentum);
  const losses = tf.add(tf.relu(v), tf.log1p(tf.exp(tf.neg(tf.abs(v)))));
  const weighted = tf.mul(lookUp(table, positions), losses);
  return [tf.sum(tf.where(counts, weighted, tf.zerosLike(losses))), sums, table];
});

registerComposite<Attributes>('SfHarmonizedCrossEntropyGrad', (inputs, {levelCounts}) => {
  const {counts, sign, size, positions} = classified(inputs, levelCounts, inputs.table!.shape[1]!);
  const slope = tf.mul(lookUp(inputs.table!, positions), tf.mul(sign, size));
  return tf.mul(inputs.dy!, tf.where(counts, slope, tf.zerosLike(slope)));
});

tf.registerGradient({
  kernelName: 'SfHarmonizedCrossEntropy',
  inputsToSave: ['logits', 'labels', 'weights'],
  outputsToSave: [false, false, true],
  gradFunc: (dys, saved, attributes) => {
    const [logits, labels, weights, table] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [dy] = dys as tf.Tensor[];
    return {
      logits: () =>
        runKernel<tf.Tensor>(
          'SfHarmonizedCrossEntropyGrad',
          {dy: dy!, logits, labels, weights, table},
          attributes,
        ),
    };
  },
});
