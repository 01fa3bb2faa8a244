/** The operations that are counted while a work is done, against a count by hand from the layers of the paper's figures. */
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {watchKernels} from '../../src/bench/kernel-calls.js';
import {operationsOf} from '../../src/bench/operations.js';
import {type PreparedWork, prepareWork} from '../../src/bench/prepared-work.js';
import {profileKernels} from '../../src/bench/profile.js';
import type {DetectorWork} from '../../src/bench/work.js';
import {openEngine} from '../../src/engine/open.js';
import {RunError} from '../../src/errors.js';

test.before(async () => {
  await openEngine('wasm');
});

/** Operations of the forward pass, of which `stem` in the first convolution, where pixels need no gradient. */
type Forward = {readonly forward: number; readonly stem: number};

/** The backbone and what `rest` adds to it. Every map is floor or ceil of its stride. */
function byHand(
  height: number,
  width: number,
  rest: (
    convolution: (stride: number, size: number, from: number, to: number, times?: number) => void,
  ) => void,
): Forward {
  let forward = 0;
  const convolution = (stride: number, size: number, from: number, to: number, times = 1) => {
    forward += 2 * Math.ceil(height / stride) * Math.ceil(width / stride) * size ** 2 * from * to * times;
  };
  convolution(2, 7, 3, 64);
  const stem = forward;
  // Blocks, channels inside, channels out, stride of the map: ResNet-50's row of Table 1 of He et al.
  let from = 64;
  for (const [blocks, inside, out, stride] of [
    [3, 64, 256, 4],
    [4, 128, 512, 8],
    [6, 256, 1024, 16],
    [3, 512, 2048, 32],
  ] as const) {
    // The stride is in the 3x3 convolution, so the first 1x1 of a stage works on the larger map.
    convolution(stride === 4 ? 4 : stride / 2, 1, from, inside);
    convolution(stride, 1, out, inside, blocks - 1);
    convolution(stride, 3, inside, inside, blocks);
    convolution(stride, 1, inside, out, blocks);
    convolution(stride, 1, from, out);
    from = out;
  }
  rest(convolution);
  return {forward, stem};
}

const retinanetByHand = (height: number, width: number, classes: number): Forward =>
  byHand(height, width, convolution => {
    for (const [stride, channels] of [
      [8, 512],
      [16, 1024],
      [32, 2048],
    ] as const) {
      convolution(stride, 1, channels, 256);
      convolution(stride, 3, 256, 256);
    }
    convolution(64, 3, 256, 256);
    convolution(128, 3, 256, 256);
    for (const stride of [8, 16, 32, 64, 128]) {
      convolution(stride, 3, 256, 256, 8);
      convolution(stride, 3, 256, 9 * classes);
      convolution(stride, 3, 256, 9 * 4);
    }
  });

/** The backbone, P2 to P5, and the RPN on those and P6, with three anchors a cell. */
const rpnByHand = (height: number, width: number): Forward =>
  byHand(height, width, convolution => {
    for (const [stride, channels] of [
      [4, 256],
      [8, 512],
      [16, 1024],
      [32, 2048],
    ] as const) {
      convolution(stride, 1, channels, 256);
      convolution(stride, 3, 256, 256);
    }
    for (const stride of [4, 8, 16, 32, 64]) {
      convolution(stride, 3, 256, 256);
      convolution(stride, 1, 256, 3 * (1 + 4));
    }
  });

/** Two layers of 1024 on 7x7 bins, the classes with background, and boxes of the others. */
const boxHeadByHand = (regions: number, classes: number): number =>
  2 * regions * (49 * 256 * 1024 + 1024 * 1024 + 1024 * (classes + 1) + 1024 * 4 * classes);

/** Four 3x3 convolutions on 14x14 bins, a transposed one to 28x28, and the masks of all classes. */
const maskHeadByHand = (regions: number, classes: number): number =>
  2 * regions * (196 * (4 * 9 * 256 * 256 + 256 * 4 * 256) + 784 * 256 * classes);

async function counted(work: PreparedWork): Promise<number> {
  let operations = 0;
  const stop = watchKernels(
    call => {
      operations += operationsOf(call);
    },
    {settle: false},
  );
  await work.run();
  stop();
  return operations;
}

const detector = (kind: DetectorWork['kind']): DetectorWork => ({
  kind,
  model: 'retinanet',
  height: 64,
  width: 96,
  classes: 91,
  objects: [{boxes: [[8, 8, 60, 50]], classes: [3]}],
});

test('RetinaNet at 800x1344 is 508.9 GFLOP forward and 1521.8 a training step', t => {
  const {forward, stem} = retinanetByHand(800, 1344, 91);
  t.is(forward, 508_939_468_800);
  // Gradients of input and filter cost what the forward pass does; pixels need no gradient.
  t.is(3 * forward - stem, 1_521_760_665_600);
  // mmdetection counts 239.3 multiplications and additions at 800x1280 with 80 classes and P6 from C5, all operations.
  const p6FromC5 = 2 * 13 * 20 * 9 * (2048 - 256) * 256;
  const macs = (retinanetByHand(800, 1280, 80).forward + p6FromC5) / 2e9;
  t.true(macs < 239.3 && macs > 0.99 * 239.3);
});

test('with 512 regions, 128 of them with masks, Faster R-CNN is 418.0 GFLOP forward at 800x1344, Mask R-CNN 554.1', t => {
  const boxes = rpnByHand(800, 1344).forward + boxHeadByHand(512, 90);
  t.is(boxes, 417_954_789_888);
  t.is(boxes + maskHeadByHand(128, 90), 554_112_383_488);
  // mmdetection counts 207.1 and 260.1 multiplications and additions, all operations, at 800x1280 with 80 classes, 1000
  // regions and 100 masks.
  const macs = (rpnByHand(800, 1280).forward + boxHeadByHand(1000, 80)) / 2e9;
  const masks = maskHeadByHand(100, 80) / 2e9;
  t.true(macs < 207.1 && macs > 0.99 * 207.1, String(macs));
  t.true(macs + masks < 260.1 && macs + masks > 0.99 * 260.1, String(macs + masks));
});

test.serial('a training step is counted as by hand, and leaves no tensor behind', async t => {
  const before = tf.memory().numTensors;
  const work = await prepareWork(detector('train'));
  const {forward, stem} = retinanetByHand(64, 96, 91);
  t.is(await counted(work), 3 * forward - stem);
  // What torchvision documents of its retinanet_resnet50_fpn.
  t.is(work.parameters, 34_014_999);
  work.dispose();
  t.is(tf.memory().numTensors, before);
});

/** One object, so that most proposals are background. */
const twoStages = (model: 'faster-rcnn' | 'mask-rcnn'): DetectorWork => ({
  kind: 'train',
  model,
  height: 96,
  width: 128,
  classes: 3,
  objects: [{boxes: [[8, 8, 50, 40]], classes: [3]}],
  regions: {examples: 12, foreground: 4},
});

for (const [model, head] of [
  ['faster-rcnn', 0],
  ['mask-rcnn', maskHeadByHand(4, 3)],
] as const) {
  test.serial(`a training step of ${model} is counted as by hand, and leaves no tensor behind`, async t => {
    const before = tf.memory().numTensors;
    const work = await prepareWork(twoStages(model));
    const {forward, stem} = rpnByHand(96, 128);
    t.is(await counted(work), 3 * (forward + boxHeadByHand(12, 3) + head) - stem);
    work.dispose();
    t.is(tf.memory().numTensors, before);
  });
}

test.serial(
  'a step whose sampler finds too few regions fails: its work is not what the other side does',
  async t => {
    const before = tf.memory().numTensors;
    const work = await prepareWork({
      ...twoStages('faster-rcnn'),
      regions: {examples: 100_000, foreground: 25_000},
    });
    const error = await t.throwsAsync(work.run(), {instanceOf: RunError});
    t.regex(
      error!.message,
      /^a training step drew \d+ regions, \d+ of them foreground, where it needs 100000 and 25000 an image: take a larger --size$/,
    );
    work.dispose();
    t.is(tf.memory().numTensors, before);
  },
);

test.serial('at inference one class of every proposal is a candidate', async t => {
  const before = tf.memory().numTensors;
  const work = await prepareWork({...twoStages('mask-rcnn'), kind: 'inference'});
  const probabilities: Float32Array[] = [];
  const stop = watchKernels(
    ({name, outputs}) => {
      if (name === 'Softmax') probabilities.push(tf.backend().readSync(outputs[0]!.dataId) as Float32Array);
    },
    {settle: false},
  );
  await work.run();
  stop();
  work.dispose();
  t.is(tf.memory().numTensors, before);
  const [values] = probabilities;
  t.true(values!.length > 4 * 100);
  // Background, three classes: above the threshold of 0.05 are background and the first class.
  t.true(values!.every((probability, i) => probability > 0.05 === i % 4 < 2));
});

test.serial('inference is counted as by hand; its profile is the same work by kernel', async t => {
  const before = tf.memory().numTensors;
  const work = await prepareWork(detector('inference'));
  const {forward} = retinanetByHand(64, 96, 91);
  t.is(await counted(work), forward);
  const {kernels, milliseconds} = await profileKernels(work.run, {settle: true});
  const sum = (value: (kernel: (typeof kernels)[number]) => number) =>
    kernels.map(value).reduce((total, part) => total + part, 0);
  t.is(
    sum(({operations}) => operations),
    forward,
  );
  t.true(sum(kernel => kernel.milliseconds) <= milliseconds);
  // 53 convolutions of ResNet-50, 8 of the pyramid, 10 on each of 5 levels.
  const convolutions = kernels.filter(({kernel}) => kernel.startsWith('SfConvolution'));
  t.is(
    convolutions.reduce((calls, kernel) => calls + kernel.calls, 0),
    53 + 8 + 50,
  );
  t.false(
    kernels.some(({kernel}) => kernel === 'Neg'),
    'waiting is no work',
  );
  work.dispose();
  t.is(tf.memory().numTensors, before);
});

test.serial('one percent of all pairs are candidates, on every level alike', async t => {
  const work = await prepareWork({...detector('inference'), height: 256, width: 320});
  const shares: number[] = [];
  const stop = watchKernels(
    ({name, inputs, outputs}) => {
      if (!name.startsWith('SfConvolution') || inputs.filter?.shape[3] !== 9 * 91) return;
      const logits = tf.backend().readSync(outputs[0]!.dataId) as Float32Array;
      shares.push(logits.filter(logit => logit > Math.log(0.05 / 0.95)).length / logits.length);
    },
    {settle: false},
  );
  await work.run();
  stop();
  work.dispose();
  t.is(shares.length, 5);
  // 17 of 819 outputs, each at half of the places: 0.0104.
  for (const share of shares) t.true(share > 0.007 && share < 0.014, String(share));
});

test.serial('a product is two operations for each of its terms, transposed or not', async t => {
  for (const [shapes, transposed] of [
    [
      [
        [3, 5],
        [5, 7],
      ],
      false,
    ],
    [
      [
        [5, 3],
        [5, 7],
      ],
      true,
    ],
  ] as const) {
    const [a, b] = shapes.map(shape => tf.ones([...shape])) as [tf.Tensor, tf.Tensor];
    const run = async () => tf.matMul(a, b, transposed).dispose();
    t.is(await counted({run, dispose: () => undefined}), 2 * 3 * 5 * 7);
    tf.dispose([a, b]);
  }
});

test.serial('a convolution and both of its gradients are the same number of operations', async t => {
  const before = tf.memory().numTensors;
  for (const direction of ['forward', 'input gradient', 'filter gradient'] as const) {
    const geometry = {batch: 2, height: 9, width: 8, inChannels: 3, outChannels: 5, size: 3, stride: 2};
    const work = await prepareWork({kind: 'convolution', direction, ...geometry});
    // 5 x 4 places of the output.
    t.is(await counted(work), 2 * (2 * 5 * 4 * 5) * (3 * 3 * 3), direction);
    work.dispose();
  }
  t.is(tf.memory().numTensors, before);
});
