import * as tf from '@tensorflow/tfjs';
import type {ClassificationLoss} from '../../src/config/stage.js';
import {exampleLosses} from '../../src/losses/example-losses.js';
import {Random} from '../../src/random/random.js';
import {ENGINES, testsOn} from '../engines.js';
import {classificationLossSum} from './sums.js';

const test = testsOn(ENGINES);

const CONFIGS: readonly ClassificationLoss[] = [
  {kind: 'cross-entropy'},
  {kind: 'focal', alpha: 0.25, gamma: 2},
  {kind: 'focal', alpha: 0.4, gamma: 1.5},
];

/** Losses as numbers; no tensor is left behind. */
function evaluate(
  t: {is(a: number, b: number): unknown},
  config: ClassificationLoss,
  logits: tf.Tensor3D,
  labels: Int32Array,
): Float32Array {
  const before = tf.memory().numTensors;
  const losses = exampleLosses(config, logits, labels);
  const values = losses.dataSync<'float32'>();
  losses.dispose();
  t.is(tf.memory().numTensors, before);
  return values;
}

test('cross-entropy and focal loss of an example by hand', t => {
  // p = 1/2 of 3 classes. Cross-entropy: 3 log 2 whatever the class. Focal: a true class costs 0.25 * 0.25 * log 2, each
  // other 0.75 * 0.25 * log 2; an ignored example is given what background costs.
  const logits = tf.zeros<tf.Rank.R3>([1, 3, 3]);
  const labels = Int32Array.of(0, 2, -1);
  const crossEntropy = evaluate(t, CONFIGS[0]!, logits, labels);
  t.true(crossEntropy.every(loss => Math.abs(loss - 3 * Math.LN2) < 1e-6));
  const focal = evaluate(t, CONFIGS[1]!, logits, labels);
  const expected = [0.5625, 0.4375, 0.5625].map(factor => factor * Math.LN2);
  t.true(focal.every((loss, i) => Math.abs(loss - expected[i]!) < 1e-6));
  logits.dispose();
});

test('the losses of the examples add up to the loss of the stage', t => {
  const random = new Random(4, 'logits');
  const [images, anchors, classes] = [2, 50, 7];
  const values = Float32Array.from({length: images * anchors * classes}, () => random.normal(-1, 4));
  const labels = Int32Array.from({length: images * anchors}, () => random.int(classes + 1));
  const logits = tf.tensor3d(values, [images, anchors, classes]);
  for (const config of CONFIGS) {
    const losses = evaluate(t, config, logits, labels);
    for (const only of [0, 1, 55, 99]) {
      const alone = tf.tidy(
        () =>
          classificationLossSum(
            config,
            logits,
            tf.tensor2d(labels, [images, anchors], 'int32'),
            tf.tensor2d(
              Float32Array.from(labels, (_, i) => (i === only ? 1 : 0)),
              [images, anchors],
            ),
          ).dataSync()[0]!,
      );
      t.true(Math.abs(losses[only]! - alone) <= 1e-5 * alone);
    }
  }
  logits.dispose();
});

test('very large logits give finite losses, and NaN stays NaN', t => {
  const logits = tf.tensor3d([1000, -1000, 1000, -1000, Number.NaN, 0], [1, 3, 2]);
  const labels = Int32Array.of(1, 2, 0);
  const [right, wrong, broken] = evaluate(t, CONFIGS[0]!, logits, labels);
  t.is(right, 0);
  t.is(wrong, 2000);
  t.is(broken, Number.NaN);
  for (const config of CONFIGS.slice(1)) {
    const losses = evaluate(t, config, logits, labels);
    t.true(Number.isFinite(losses[0]!) && Number.isFinite(losses[1]!) && losses[0]! < losses[1]!);
    t.is(losses[2], Number.NaN);
  }
  logits.dispose();
});

test('more pairs than are computed at once, none, and the wrong number of labels', t => {
  // 2^20 / 3 examples a part: this is one part and 11 examples.
  const anchors = Math.floor(2 ** 20 / 3) + 11;
  const logits = tf.zeros<tf.Rank.R3>([1, anchors, 3]);
  const losses = evaluate(t, CONFIGS[0]!, logits, new Int32Array(anchors));
  t.is(losses.length, anchors);
  t.true(losses.every(loss => Math.abs(loss - 3 * Math.LN2) < 1e-6));
  logits.dispose();

  const none = tf.zeros<tf.Rank.R3>([2, 0, 3]);
  t.is(evaluate(t, CONFIGS[0]!, none, new Int32Array(0)).length, 0);
  t.throws(() => exampleLosses(CONFIGS[0]!, none, new Int32Array(1)), {
    message: 'exampleLosses: 1 labels for 0 examples',
  });
  none.dispose();
});

test('a variable has no gradient through the losses', t => {
  const before = tf.memory().numTensors;
  const logits = tf.variable(tf.tensor3d([1, -2, 3], [1, 1, 3]));
  const {value, grads} = tf.variableGrads(() => {
    const losses = exampleLosses(CONFIGS[0]!, logits as tf.Tensor as tf.Tensor3D, Int32Array.of(1));
    return tf.add<tf.Scalar>(tf.sum(logits), tf.sum(losses));
  }, [logits]);
  t.deepEqual([...grads[logits.name]!.dataSync()], [1, 1, 1]);
  tf.dispose([value, grads, logits]);
  t.is(tf.memory().numTensors, before + 1); // the tensor that the variable was made from
});
