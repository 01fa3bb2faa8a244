import test from 'ava';
import type {InputConfig} from '../../src/config/run.js';
import type {Dataset, ImageRecord} from '../../src/data/dataset.js';
import {countedImages, modelImbalance} from '../../src/detectors/imbalance.js';
import {smallYolo} from '../yolov3-config.js';

const record = (id: number): ImageRecord => ({
  id,
  fileName: `${id}.png`,
  path: `${id}.png`,
  width: 100,
  height: 50,
  groundTruth: {
    boxes: Float64Array.of(10, 10, 20, 20),
    classes: Int32Array.of(1),
    ignore: new Uint8Array(1),
    crowd: new Uint8Array(1),
    areas: new Float64Array(1),
    ids: new Float64Array(1),
  },
});

const dataset: Dataset = {
  name: 'test',
  classNames: ['thing'],
  categoryIds: [1],
  images: [record(1), record(2), record(3)],
  notices: [],
};

const input: InputConfig = {
  letterbox: null,
  resize: {shortSide: {training: [40, 60], evaluation: 500}, maxLongSide: 1000},
  channelOrder: 'rgb',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  flip: 0.5,
  sizeDivisor: 32,
  aspectGrouping: false,
};

test('N and N_f are counted at the sizes of training in turn, padded, not at that of evaluation', t => {
  const counted = [...countedImages(dataset, input)];
  // 80 x 40 pads to 96 x 64, 120 x 60 to 128 x 64; the box is 0.8 and 1.2 of itself.
  t.deepEqual(
    counted.map(({width, height}) => [width, height]),
    [
      [96, 64],
      [128, 64],
      [96, 64],
    ],
  );
  t.deepEqual(
    counted.map(({boxes}) => [...boxes]),
    [
      [8, 8, 16, 16],
      [12, 12, 24, 24],
      [8, 8, 16, 16],
    ],
  );
});

test('of YOLOv3 all predictions are counted, and those that objects are assigned to once each', t => {
  // Two objects of an image share a prediction, a third one has its own.
  const boxes = Float64Array.of(10, 10, 20, 20, 11, 10, 20, 20, 40, 10, 80, 40);
  const shared: ImageRecord = {
    ...record(1),
    groundTruth: {
      boxes,
      classes: Int32Array.of(1, 1, 1),
      ignore: new Uint8Array(3),
      crowd: new Uint8Array(3),
      areas: new Float64Array(3),
      ids: new Float64Array(3),
    },
  };
  const images = [shared, record(2)];
  // 128 x 64: two anchors in 16 x 8 cells, one in 8 x 4 and 4 x 2.
  const perImage = 2 * 128 + 32 + 8;
  t.deepEqual(modelImbalance(smallYolo, {...input, resize: null}, {...dataset, images}), {
    examples: 2 * perImage,
    foreground: 3,
  });
});
