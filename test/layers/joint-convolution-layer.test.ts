import * as tf from '@tensorflow/tfjs';
import {convolutionLayer} from '../../src/layers/convolution-layer.js';
import {jointConvolutionLayer} from '../../src/layers/joint-convolution-layer.js';
import {Parameters} from '../../src/layers/parameters.js';
import {floats, relativeDifference} from '../engine/ops/agreement.js';
import {ENGINES, testsOn} from '../engines.js';

const test = testsOn(ENGINES);

const initial = {kind: 'normal', deviation: 0.5} as const;
const outputs = [
  {name: 'a', channels: 3, bias: -4.6},
  {name: 'b', channels: 12, bias: 0},
];

test('one joint convolution is several of the same parameters, one behind the other', t => {
  const [joint, apart] = [new Parameters(), new Parameters()];
  const together = jointConvolutionLayer({parameters: joint, seed: 2}, {inChannels: 7, initial, outputs});
  const layers = outputs.map(({name, channels, bias}) =>
    convolutionLayer({parameters: apart, seed: 2}, name, {
      ...{size: 1, inChannels: 7, outChannels: channels, bias, relu: false, initial},
      norm: {kind: 'none'},
    }),
  );
  const {values, shape} = floats([2, 5, 4, 7]);
  const x = tf.tensor4d(values, shape as [number, number, number, number]);
  const before = tf.memory().numTensors;
  const evaluate = (parameters: Parameters, compute: () => tf.Tensor) => {
    const {value, grads} = tf.variableGrads(
      () =>
        tf.tidy(() =>
          tf.sum<tf.Scalar>(tf.mul(compute(), tf.sin(tf.reshape(tf.range(0, 600), [2, 5, 4, 15])))),
        ),
      parameters.all.map(({variable}) => variable),
    );
    const y = tf.tidy(compute);
    const tensors = [y, ...parameters.all.map(({variable}) => grads[variable.name]!)];
    const results = tensors.map(tensor => tensor.dataSync());
    tf.dispose([value, grads, y]);
    return results;
  };
  const actual = evaluate(joint, () => together(x));
  const expected = evaluate(apart, () =>
    tf.concat(
      layers.map(layer => layer(x)),
      3,
    ),
  );
  t.deepEqual(
    joint.all.map(({name, kind}) => [name, kind]),
    apart.all.map(({name, kind}) => [name, kind]),
  );
  for (const [i, result] of actual.entries()) t.true(relativeDifference(result, expected[i]!) < 1e-6);
  t.is(tf.memory().numTensors, before);
  x.dispose();
  joint.dispose();
  apart.dispose();
});
