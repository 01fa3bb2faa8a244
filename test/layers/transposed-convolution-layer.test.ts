import * as tf from '@tensorflow/tfjs';
import {Parameters} from '../../src/layers/parameters.js';
import {blocksToMap, transposedConvolutionLayer} from '../../src/layers/transposed-convolution-layer.js';
import {floats, relativeDifference} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

test('blocks of two rows and two columns become a map by hand', t => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    // Two pixels beside one another: blocks 1 2 / 3 4 and 5 6 / 7 8.
    const map = blocksToMap(tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 8, 1]));
    t.deepEqual(map.shape, [1, 2, 4, 1]);
    t.deepEqual([...map.dataSync()], [1, 2, 5, 6, 3, 4, 7, 8]);
  });
  t.is(tf.memory().numTensors, before);
});

for (const relu of [false, true])
  test(`the layer and its gradients are those of tf.conv2dTranspose, ReLU ${relu}`, t => {
    const parameters = new Parameters();
    const options = {inChannels: 6, outChannels: 5, relu, initial: {kind: 'kaiming-normal'}} as const;
    const layer = transposedConvolutionLayer({parameters, seed: 4}, 'deconv', options);
    const [weight, bias] = parameters.all.map(({variable}) => variable) as [tf.Variable, tf.Variable];
    t.deepEqual(
      parameters.all.map(({name, kind, variable}) => [name, kind, ...variable.shape]),
      [
        ['deconv.weight', 'weight', 6, 2, 2, 5],
        ['deconv.bias', 'bias', 5],
      ],
    );
    const {values, shape} = floats([3, 4, 7, 6]);
    const x = tf.variable(tf.tensor4d(values, shape as [number, number, number, number]));
    bias.assign(tf.tensor1d([0.1, -0.2, 0.3, 0, 0.5]));
    const before = tf.memory().numTensors;

    const reference = () => {
      // tfjs wants [height, width, out, in].
      const filter = tf.transpose(weight, [1, 2, 3, 0]) as tf.Tensor4D;
      const y = tf.add<tf.Tensor4D>(tf.conv2dTranspose(x, filter, [3, 8, 14, 5], 2, 'valid'), bias);
      return relu ? tf.relu(y) : y;
    };
    const evaluate = (compute: () => tf.Tensor4D) => {
      const weighted = () =>
        tf.tidy(() =>
          tf.sum<tf.Scalar>(tf.mul(compute(), tf.sin(tf.reshape(tf.range(0, 1680), [3, 8, 14, 5])))),
        );
      const {value, grads} = tf.variableGrads(weighted, [x, weight, bias]);
      const y = tf.tidy(compute);
      const tensors = [y, grads[x.name]!, grads[weight.name]!, grads[bias.name]!];
      const results = tensors.map(tensor => ({shape: tensor.shape, values: tensor.dataSync()}));
      tf.dispose([value, y, grads]);
      return results;
    };
    const expected = evaluate(reference);
    const actual = evaluate(() => blocksToMap(layer(x)));
    for (const [i, result] of actual.entries()) {
      t.deepEqual(result.shape, expected[i]!.shape);
      t.true(relativeDifference(result.values, expected[i]!.values) < 2e-6, `result ${i}`);
    }
    t.is(tf.memory().numTensors, before);
    x.dispose();
    parameters.dispose();
  });
