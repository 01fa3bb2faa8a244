/** The printed table and the JSON of made-up measurements. */
import test from 'ava';
import type {Measurements, Result} from '../../src/bench/measure.js';
import {median, spread} from '../../src/bench/statistics.js';
import {benchJson, benchText} from '../../src/bench/text.js';
import type {DetectorWork} from '../../src/bench/work.js';

const SF = {
  detail: 'engine torch (libtorch, 2 threads)',
  device: 'cpu',
  threads: 2,
  precision: 'fp32',
  deterministic: false,
};
const OTHER = {...SF, detail: 'torchvision 0.14.1 (torch 1.13.1, CPU, 2 threads)'};

const detector = (kind: DetectorWork['kind'], images: number): DetectorWork => ({
  kind,
  model: 'retinanet',
  height: 64,
  width: 96,
  classes: 91,
  objects: Array.from({length: images}, () => ({boxes: [[0, 0, 1, 1]] as const, classes: [1]})),
});

const product: Result = {
  case: 'mat-mul',
  work: {kind: 'mat-mul', rows: 2, inner: 3, columns: 4},
  operations: 2e9,
  sf: {kind: 'measured', milliseconds: [20, 10, 40], peakBytes: undefined},
  torchvision: {kind: 'measured', milliseconds: [10, 10, 10], peakBytes: undefined},
  profile: undefined,
};
const training: Result = {
  case: 'train',
  work: detector('train', 2),
  operations: 150e9,
  sf: {kind: 'measured', milliseconds: [1500, 1400, 1600], peakBytes: 300 * 2 ** 20},
  torchvision: {kind: 'measured', milliseconds: [2000, 2000, 2000], peakBytes: 400 * 2 ** 20},
  profile: {
    kernels: [
      {kernel: 'SfConvolution', calls: 3, milliseconds: 900, operations: 150e9},
      {kernel: 'Add', calls: 2, milliseconds: 500, operations: 0},
    ],
    milliseconds: 1500,
  },
};
const full: Result = {
  case: 'inference',
  work: detector('inference', 1),
  operations: undefined,
  sf: {kind: 'failed', message: 'engine wasm is out of memory: use smaller images'},
  torchvision: {kind: 'failed', message: 'ValueError: no'},
  profile: undefined,
};

test('the table has a line for each side and one for their ratio, and says what failed', t => {
  const measurements: Measurements = {sf: SF, torchvision: OTHER, results: [product, training, full]};
  t.is(
    benchText(measurements, 'the setting'),
    `engine torch (libtorch, 2 threads)
torchvision 0.14.1 (torch 1.13.1, CPU, 2 threads)
the setting

                                             ms       ±  images/s  GFLOP/s  of the best   MiB
product 2x3 by 3x4
  sf                                       20.0  75.0 %              100.0         50 %
  torchvision                              10.0   0.0 %              200.0        100 %
  ratio                                    2.00
RetinaNet training step, batch 2
  sf                                       1500   6.7 %      1.33    100.0         50 %   300
  torchvision                              2000   0.0 %      1.00     75.0         38 %   400
  ratio                                    0.75                                          0.75
RetinaNet inference, batch 1
  sf                              out of memory
  torchvision                            failed
RetinaNet inference, batch 1, sf: engine wasm is out of memory: use smaller images
RetinaNet inference, batch 1, torchvision: ValueError: no

ms: median, ± half of the range; GFLOP/s: convolutions and products, counted as direct sums; MiB: the most that the process, or the GPU, has held
best: 200.0 GFLOP/s, product 2x3 by 3x4, torchvision

sf by kernel, one RetinaNet training step, batch 2
                    calls      ms    share  GFLOP/s
SfConvolution           3   900.0   60.0 %    166.7
Add                     2   500.0   33.3 %
outside of kernels          100.0    6.7 %
together                   1500.0  100.0 %    100.0
`,
  );
});

test('works that memory bounds have a table of their own: bytes a second, and how much longer than a copy of as many', t => {
  const measured = (milliseconds: number): Result['sf'] => ({
    kind: 'measured',
    milliseconds: [milliseconds],
    peakBytes: undefined,
  });
  // 1e6 numbers read and written are 8 MB: 4 GB/s in 2 ms.
  const copy: Result = {
    ...product,
    case: 'loss',
    work: {kind: 'copy', numbers: 1e6},
    operations: undefined,
    sf: measured(2),
    torchvision: measured(4),
  };
  // 1000 examples of 80 logits: 80,000 logits read twice and written once, labels and weights read twice.
  const loss: Result = {
    ...copy,
    work: {kind: 'loss', loss: {kind: 'cross-entropy'}, batch: 1, levelCounts: [900, 100], classes: 80},
    sf: measured(0.488),
    torchvision: {kind: 'failed', message: 'no'},
  };
  const text = benchText({sf: SF, torchvision: OTHER, results: [copy, loss]}, 'the setting');
  t.is(
    text.slice(text.indexOf('memory traffic'), text.indexOf('MB:')),
    `memory traffic
                                            MB  GB/s  of a copy
copy of 1000000 numbers                    8.0   4.0       1.00
  torchvision                              8.0   2.0       2.00
cross-entropy and its gradient, 1x1000x80  1.0   2.0       2.00
`,
  );
  t.false(benchText({sf: SF, torchvision: OTHER, results: [product]}, '').includes('memory traffic'));
});

test('without another side there is one line a work', t => {
  const alone = {...training, torchvision: undefined, profile: undefined};
  t.is(
    benchText({sf: SF, torchvision: undefined, results: [alone]}, 'the setting').split('\n\n')[1],
    `                                    ms      ±  images/s  GFLOP/s  MiB
RetinaNet training step, batch 2  1500  6.7 %      1.33    100.0  300`,
  );
});

test('the JSON holds every repetition, and whose memory ran out', t => {
  const json = benchJson({sf: SF, torchvision: OTHER, results: [training, full]}, {version: 'v1'});
  t.is(json.sides.torchvision, OTHER);
  t.like(json.results[0], {
    case: 'train',
    work: {kind: 'train', batch: 2, height: 64},
    sf: {milliseconds: 1500, repetitions: [1500, 1400, 1600], imagesPerSecond: 2000 / 1500},
    ratio: {time: 0.75, memory: 0.75},
  });
  t.false('objects' in json.results[0]!.work);
  t.like(json.results[1], {sf: {outOfMemory: true}, torchvision: {outOfMemory: false}, ratio: undefined});
});

test('the median of an even count is between the two in the middle; the spread is half the range over the median', t => {
  t.is(median([4, 1, 3, 2]), 2.5);
  t.is(median([5, 1, 2]), 2);
  t.is(spread([4, 1, 3, 2]), 1.5 / 2.5);
});
