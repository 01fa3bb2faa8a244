// YOLOv3's head: its layers are darknet's, and predictions come out in the order of the grid.
import * as tf from '@tensorflow/tfjs';
import {yoloHead} from '../../src/heads/yolo-head.js';
import {Parameters} from '../../src/layers/parameters.js';
import {FAST_ENGINES, testsOn} from '../engines.js';

const test = testsOn(FAST_ENGINES);

const none = {kind: 'none'} as const;
const CLASSES = 5;

function build(objectnessBias: number | null) {
  const parameters = new Parameters();
  const head = yoloHead(
    {parameters, seed: 1},
    {channels: [8, 16, 32], norm: none, anchors: [2, 1, 3], classes: CLASSES, objectnessBias, classBias: -1},
  );
  return {parameters, head};
}

test("layers 75 to 106 of darknet's yolov3.cfg at 1/32 of the width", t => {
  const {parameters} = build(0.5);
  const shapes = Object.fromEntries(
    parameters.all
      .filter(({kind}) => kind === 'weight')
      .map(({name, variable}) => [name.replace(/^head\.|\.weight$/g, ''), variable.shape.join(' ')]),
  );
  t.deepEqual(shapes, {
    // 256 channels after the route: the map has 8, the upsampled one 4.
    'level_0.lateral': '1 1 8 4',
    'level_0.block.0': '1 1 12 4',
    'level_0.block.1': '3 3 4 8',
    'level_0.block.2': '1 1 8 4',
    'level_0.block.3': '3 3 4 8',
    'level_0.block.4': '1 1 8 4',
    'level_0.expand': '3 3 4 8',
    'level_0.boxes': '1 1 8 8',
    'level_0.objectness': '1 1 8 2',
    'level_0.class_logits': '1 1 8 10',
    'level_1.lateral': '1 1 16 8',
    'level_1.block.0': '1 1 24 8',
    'level_1.block.1': '3 3 8 16',
    'level_1.block.2': '1 1 16 8',
    'level_1.block.3': '3 3 8 16',
    'level_1.block.4': '1 1 16 8',
    'level_1.expand': '3 3 8 16',
    'level_1.boxes': '1 1 16 4',
    'level_1.objectness': '1 1 16 1',
    'level_1.class_logits': '1 1 16 5',
    'level_2.block.0': '1 1 32 16',
    'level_2.block.1': '3 3 16 32',
    'level_2.block.2': '1 1 32 16',
    'level_2.block.3': '3 3 16 32',
    'level_2.block.4': '1 1 32 16',
    'level_2.expand': '3 3 16 32',
    'level_2.boxes': '1 1 32 12',
    'level_2.objectness': '1 1 32 3',
    'level_2.class_logits': '1 1 32 15',
  });
  parameters.dispose();
});

test('predictions come by level, row, column and anchor', t => {
  for (const objectnessBias of [0.5, null]) {
    const {parameters, head} = build(objectnessBias);
    // Only biases are left in the predicting layers; each box logit says which anchor and number of which level it is.
    for (const {name, variable} of parameters.all) {
      const output = /^head\.level_(\d)\.(boxes|objectness|class_logits)\.(weight|bias)$/.exec(name);
      if (output === null || (output[2] !== 'boxes' && output[3] === 'bias')) continue;
      const values = tf.tidy(() =>
        output[3] === 'weight'
          ? tf.zerosLike(variable)
          : tf.add<tf.Tensor>(tf.range(0, variable.size), 100 * Number(output[1])),
      );
      variable.assign(values);
      values.dispose();
    }
    const before = tf.memory().numTensors;
    const {boxes, objectness, classes} = tf.tidy(() =>
      head([tf.ones([2, 8, 4, 8]), tf.ones([2, 4, 2, 16]), tf.ones([2, 2, 1, 32])]),
    );
    // 32 cells of two anchors, 8 of one, 2 of three.
    t.deepEqual(boxes.shape, [2, 64 + 8 + 6, 4]);
    t.deepEqual(classes.shape, [2, 78, CLASSES]);
    t.deepEqual(objectness?.shape, objectnessBias === null ? undefined : [2, 78, 1]);
    const values = boxes.dataSync();
    const row = (i: number) => [...values.subarray(4 * i, 4 * i + 4)];
    t.deepEqual(
      [row(0), row(1), row(2)],
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [0, 1, 2, 3],
      ],
    );
    t.deepEqual(
      [row(63), row(64), row(71)],
      [
        [4, 5, 6, 7],
        [100, 101, 102, 103],
        [100, 101, 102, 103],
      ],
    );
    t.deepEqual(
      [row(72), row(74), row(77)],
      [
        [200, 201, 202, 203],
        [208, 209, 210, 211],
        [208, 209, 210, 211],
      ],
    );
    t.deepEqual(row(78 + 77), row(77));
    t.true(classes.dataSync().every(value => value === -1));
    t.true(objectness?.dataSync().every(value => value === objectnessBias) ?? true);
    tf.dispose([boxes, classes, objectness ?? []]);
    t.is(tf.memory().numTensors, before);
    parameters.dispose();
  }
});
