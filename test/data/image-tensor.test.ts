import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {imagesToTensor} from '../../src/data/image-tensor.js';

const input = {
  channelOrder: 'rgb',
  mean: [100, 50, 10],
  std: [2, 1, 5],
  sizeDivisor: 4,
} as const;

const twoByOne = {data: Uint8Array.of(102, 50, 20, 0, 255, 10), width: 2, height: 1};

test('values are normalised, flipped and padded with zeros after normalisation', t => {
  const before = tf.memory().numTensors;
  const tensor = imagesToTensor([twoByOne, {...twoByOne, flip: true}], input);
  t.deepEqual(tensor.shape, [2, 4, 4, 3]);
  const values = tensor.dataSync();
  // (102 - 100) / 2 = 1, (50 - 50) / 1 = 0, (20 - 10) / 5 = 2; then (0 - 100) / 2 = -50, 205, 0.
  t.deepEqual([...values.subarray(0, 6)], [1, 0, 2, -50, 205, 0]);
  t.deepEqual([...values.subarray(48, 54)], [-50, 205, 0, 1, 0, 2]);
  t.true(values.every((value, i) => i % 48 < 6 || value === 0));
  tensor.dispose();
  t.is(tf.memory().numTensors, before);
});

test('bgr turns the channels around, mean and std are given in that order', t => {
  const tensor = imagesToTensor([twoByOne], {...input, channelOrder: 'bgr'});
  // Blue 20, green 50, red 102: (20 - 100) / 2, (50 - 50) / 1, (102 - 10) / 5 = 18.4.
  const [blue, green, red] = tensor.dataSync();
  t.deepEqual([blue, green, red], [-40, 0, Math.fround(18.4)]);
  tensor.dispose();
});

test('the canvas holds the widest and the highest image, rounded up', t => {
  const image = (width: number, height: number) => ({
    data: new Uint8Array(width * height * 3),
    width,
    height,
  });
  const tensor = imagesToTensor([image(9, 2), image(3, 5)], {...input, sizeDivisor: 8});
  t.deepEqual(tensor.shape, [2, 8, 16, 3]);
  tensor.dispose();
});

test('an image on a square has grey around it, not the mean colour, and lies where it is placed', t => {
  const canvas = {width: 4, height: 4};
  const placement = {left: 1, top: 2, canvas};
  const tensor = imagesToTensor([{...twoByOne, placement}], input);
  t.deepEqual(tensor.shape, [1, 4, 4, 3]);
  const pixels = tensor.arraySync()[0]!;
  // (127.5 - 100) / 2, 127.5 - 50, (127.5 - 10) / 5.
  const grey = [13.75, 77.5, 23.5];
  t.deepEqual(pixels[2], [grey, [1, 0, 2], [-50, 205, 0], grey]);
  for (const row of [0, 1, 3]) t.deepEqual(pixels[row], [grey, grey, grey, grey]);
  tensor.dispose();
});

test('colours change before the normalisation, and the grey of the square with them', t => {
  const canvas = {width: 4, height: 4};
  const placement = {left: 0, top: 0, canvas};
  const image = {...twoByOne, flip: true, placement, colours: {hue: 1 / 3, saturation: 1, exposure: 0.5}};
  const tensor = imagesToTensor([image], {...input, mean: [0, 0, 0], std: [1, 1, 1]});
  const pixels = tensor.arraySync()[0]!;
  // Mirrored (0, 255, 10), (102, 50, 20); turned by a third (10, 0, 255), (20, 102, 50); halved.
  t.deepEqual(
    pixels[0]!.map(pixel => pixel.map(value => Math.round(value * 100) / 100)),
    [
      [5, 0, 127.5],
      [10, 51, 25],
      [63.75, 63.75, 63.75],
      [63.75, 63.75, 63.75],
    ],
  );
  tensor.dispose();
});
