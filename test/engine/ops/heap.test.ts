import {readFileSync} from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {openEngine} from '../../../src/engine/open.js';
import {convolution} from '../../../src/engine/ops/convolution.js';
import {groupNorm} from '../../../src/engine/ops/group-norm.js';
import {sgdUpdate} from '../../../src/engine/ops/sgd-update.js';

test.serial('the heap of the wasm engine does not grow over 2000 training steps', async t => {
  const engine = await openEngine('wasm');
  const x = tf.randomNormal([2, 8, 8, 8], 0, 1, 'float32', 1) as tf.Tensor4D;
  const filter = tf.variable(tf.randomNormal([3, 3, 8, 8], 0, 0.1, 'float32', 2)) as tf.Variable<tf.Rank.R4>;
  const gamma = tf.variable(tf.ones([8])) as tf.Variable<tf.Rank.R1>;
  const beta = tf.variable(tf.zeros([8])) as tf.Variable<tf.Rank.R1>;
  let velocity: tf.Tensor = tf.zerosLike(filter);
  const step = (): void => {
    const {value, grads} = tf.variableGrads(() => {
      const h = convolution(x, filter, {stride: 1, padding: 1, bias: beta, relu: true});
      const normalised = groupNorm(h, gamma, beta, {groups: 2, epsilon: 1e-5, relu: true});
      // The stock convolution packs its filter for XNNPACK, once for every new filter.
      return tf.mean(tf.square(tf.conv2d(normalised, filter, 1, 'same')));
    });
    const next = sgdUpdate({
      parameter: filter as tf.Tensor,
      gradient: grads[filter.name]!,
      velocity,
      lr: 0.01,
      momentum: 0.9,
      weightDecay: 1e-4,
    });
    filter.assign(next.parameter as tf.Tensor4D);
    tf.dispose([value, grads, next.parameter, velocity]);
    velocity = next.velocity;
  };
  for (let i = 0; i < 20; i++) step();
  const {tensors, peakBytes} = engine.memory();
  for (let i = 0; i < 2000; i++) step();
  t.is(engine.memory().tensors, tensors);
  t.is(engine.memory().peakBytes, peakBytes);
  tf.dispose([x, filter, gamma, beta, velocity]);
});

test('kernels.wasm carries no data of its own into the memory it shares', t => {
  const bytes = readFileSync(new URL('../../../src/engine/wasm/kernels.wasm', import.meta.url));
  // After magic and version: sections of an id, a LEB128 length and contents. Data is 11, the start function 8.
  const sections: number[] = [];
  let at = 8;
  while (at < bytes.length) {
    sections.push(bytes[at++]!);
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
  t.true(sections.includes(10), 'there is code');
  t.false(sections.includes(11) || sections.includes(8), `sections ${sections.join(' ')}`);
});
