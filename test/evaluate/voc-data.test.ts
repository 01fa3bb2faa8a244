import test from 'ava';
import type {Dataset} from '../../src/data/dataset.js';
import type {Detections} from '../../src/detectors/detector.js';
import {RunError} from '../../src/errors.js';
import {vocFromDataset, vocResults} from '../../src/evaluate/voc-data.js';
import {evaluateVoc} from '../../src/evaluate/voc-eval.js';

const dataset: Dataset = {
  name: 'pair',
  classNames: ['cat', 'dog'],
  categoryIds: [1, 2],
  notices: [],
  images: [7, 9].map(id => ({
    id,
    fileName: `part.${id}/scan.${id}.jpg`,
    path: '',
    width: 100,
    height: 80,
    groundTruth: {
      boxes: Float64Array.from([0, 0, 100, 80, 44.5, 2, 48, 4]),
      classes: Int32Array.from([2, 1]),
      ignore: Uint8Array.from([0, 1]),
      crowd: new Uint8Array(2),
      areas: Float64Array.from([8000, 7]),
      ids: Float64Array.from([1, 2]),
    },
  })),
};

function detected(changes: Partial<Detections> = {}): Detections {
  return {
    imageId: 9,
    boxes: Float32Array.from([0, 0, 100, 80]),
    scores: Float32Array.from([0.5]),
    classes: Int32Array.from([2]),
    ...changes,
  };
}

test('continuous boxes of a data set and a model are the pixels that they cover', t => {
  const groundTruth = vocFromDataset(dataset);
  t.deepEqual([...groundTruth.boxes.subarray(0, 8)], [1, 1, 100, 80, 45.5, 3, 48, 4]);
  t.deepEqual([...groundTruth.imageOf], [0, 0, 1, 1]);
  t.deepEqual([...groundTruth.classOf], [1, 0, 1, 0]);
  t.deepEqual([...groundTruth.difficult], [0, 1, 0, 1]);
  t.deepEqual(groundTruth.imageNames, ['part.7/scan.7', 'part.9/scan.9']);
  const results = vocResults([detected()], dataset);
  t.deepEqual([[...results.boxes], [...results.imageOf], [...results.classOf]], [[1, 1, 100, 80], [1], [1]]);
  // One of two dogs: recall points 0 to 0.5 of eleven, half the area. Cats are all difficult.
  const {means, leftOut} = evaluateVoc(groundTruth, results);
  t.true(Math.abs(means[0]!.ap07 - 6 / 11) < 1e-15);
  t.is(means[0]!.ap, 0.5);
  t.deepEqual(leftOut, ['cat']);
});

test('a detection that is not made of finite numbers says that the model has diverged', t => {
  t.throws(() => vocResults([detected({scores: Float32Array.from([Number.NaN])})], dataset), {
    instanceOf: RunError,
    message:
      'detection 0 on part.9/scan.9.jpg has a score that is not a finite number; the model that made it has diverged',
  });
  t.throws(
    () => vocResults([detected({boxes: Float32Array.from([0, 0, Number.POSITIVE_INFINITY, 1])})], dataset),
    {
      instanceOf: RunError,
      message: /has a box that is not a finite number/,
    },
  );
});
