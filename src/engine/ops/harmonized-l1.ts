/**
 * GHM-R: the distance sqrt(d^2 + mu^2) - mu of coordinates, smooth at d = 0 and everywhere else, harmonized (harmonized.ts)
 * by the size of its derivative, g = |d| / sqrt(d^2 + mu^2).
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

type Attributes = {levels: number; mu: number; momentum: number};

/**
 * sum over p, k of weight(level of p, bin of g) * (sqrt(d^2 + mu^2) - mu), d = predicted[p, k] - target[p, k]. No rows
 * give 0 and leave the running sums as they are.
 *
 * Target, level and running sums are constants: a gradient with respect to them is an error.
 *
 * @param predicted [P, 4]
 * @param target [P, 4]
 * @param level int32 [P], each in 0 .. levels - 1
 * @param sums S, [M]
 */
export function harmonizedL1Sum(
  predicted: tf.Tensor2D,
  target: tf.Tensor2D,
  level: tf.Tensor1D,
  sums: tf.Tensor,
  {levels, mu, momentum}: HarmonizedOptions & {readonly levels: number; readonly mu: number},
): Harmonized {
  tf.util.assertShapesMatch(predicted.shape, target.shape, 'harmonizedL1Sum: ');
  tf.util.assertShapesMatch(level.shape, [predicted.shape[0]], 'harmonizedL1Sum: levels and boxes ');
  if (level.dtype !== 'int32') throw new Error(`harmonizedL1Sum: levels must be int32, not ${level.dtype}`);
  return splitOutputs(
    runKernel<tf.Tensor[]>('SfHarmonizedL1', {predicted, target, level, sums}, {levels, mu, momentum}),
  );
}

/** Of every coordinate: d, sqrt(d^2 + mu^2), and its position in the table. */
function compared(inputs: tf.NamedTensorMap, mu: number, bins: number) {
  const difference = tf.sub(inputs.predicted!, inputs.target!);
  const length = tf.sqrt(tf.add(tf.square(difference), mu * mu));
  const size = tf.div(tf.abs(difference), length);
  return {difference, length, positions: tablePositions(size, tf.expandDims(inputs.level!, 1), bins)};
}

registerComposite<Attributes>('SfHarmonizedL1', (inputs, {levels, mu, momentum}) => {
  const bins = inputs.sums!.size;
  if (inputs.predicted!.size === 0)
    return [tf.scalar(0), tf.clone(inputs.sums!), tf.zeros<tf.Rank.R2>([levels, bins])];
  const {length, positions} = compared(inputs, mu, bins);
  const found = countBins(positions, levels, bins);
  const {table, sums} = weighBins(found, inputs.sums as tf.Tensor1D, momentum);
  return [tf.sum(tf.mul(lookUp(table, positions), tf.sub(length, mu))), sums, table];
});

registerComposite<Attributes>('SfHarmonizedL1Grad', (inputs, {mu}) => {
  if (inputs.predicted!.size === 0) return tf.zerosLike(inputs.predicted!);
  const {difference, length, positions} = compared(inputs, mu, inputs.table!.shape[1]!);
  return tf.mul(inputs.dy!, tf.mul(lookUp(inputs.table!, positions), tf.div(difference, length)));
});

tf.registerGradient({
  kernelName: 'SfHarmonizedL1',
  inputsToSave: ['predicted', 'target', 'level'],
  outputsToSave: [false, false, true],
  gradFunc: (dys, saved, attributes) => {
    const [predicted, target, level, table] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [dy] = dys as tf.Tensor[];
    return {
      predicted: () =>
        runKernel<tf.Tensor>('SfHarmonizedL1Grad', {dy: dy!, predicted, target, level, table}, attributes),
    };
  },
});
