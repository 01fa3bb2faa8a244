/** What each case measures. */
import test from 'ava';
import {CASES} from '../../src/bench/cases.js';
import {noiseBatch} from '../../src/bench/noise-batch.js';
import {findPython} from '../../src/bench/python.js';
import {titleOf} from '../../src/bench/work.js';
import {polygonsMask} from '../../src/masks/rasterize.js';

const SETTINGS = {height: 800, width: 1344, batches: [1, 8], onGpu: false};
const groupsOf = (name: string) => CASES.find(one => one.name === name)!.groups(SETTINGS);

test('the detector cases have a group, and so a process, for each batch', t => {
  for (const [name, title] of [
    ['train', 'RetinaNet training step'],
    ['inference', 'RetinaNet inference'],
    ['faster-rcnn-train', 'Faster R-CNN training step'],
    ['faster-rcnn-inference', 'Faster R-CNN inference'],
    ['mask-rcnn-train', 'Mask R-CNN training step'],
    ['mask-rcnn-inference', 'Mask R-CNN inference'],
  ] as const) {
    t.deepEqual(
      groupsOf(name).map(group => group.map(titleOf)),
      [[`${title}, batch 1`], [`${title}, batch 8`]],
    );
  }
});

test('the two-stage models have 90 classes beside background, RetinaNet 91: as many outputs as torchvision by default', t => {
  const classesOf = (name: string) =>
    groupsOf(name)
      .flat()
      .map(work => (work.kind === 'train' ? work.classes : undefined));
  t.deepEqual(classesOf('train'), [91, 91]);
  t.deepEqual(classesOf('faster-rcnn-train'), [90, 90]);
  t.deepEqual(classesOf('mask-rcnn-train'), [90, 90]);
});

test('an object of a model with masks is an ellipse in its box, of pi / 4 of its area', t => {
  const objects = [{boxes: [[8, 4, 88, 44] as const], classes: [2]}];
  const batch = noiseBatch({height: 64, width: 96, model: 'mask-rcnn', objects});
  const outline = batch.targets[0]!.outlines![0]!;
  if (outline.kind !== 'polygons') return t.fail();
  const {runs} = polygonsMask(outline.polygons, outline.height, outline.width);
  const area = [...runs].filter((_, i) => i % 2 === 1).reduce((sum, run) => sum + run, 0);
  // A polygon of 24 corners on an ellipse of half axes a and b has 12 a b sin(pi / 12).
  const expected = 12 * 40 * 20 * Math.sin(Math.PI / 12);
  t.true(Math.abs(area / expected - 1) < 0.01, `${area}, ${expected}`);
  batch.images.dispose();
  const without = noiseBatch({height: 64, width: 96, model: 'faster-rcnn', objects});
  t.is(without.targets[0]!.outlines, undefined);
  without.images.dispose();
});

test('ten boxes with sides of a tenth to a half of the image lie inside each image, the same at every run', t => {
  const works = groupsOf('train').flat();
  t.deepEqual(works, groupsOf('train').flat());
  for (const work of works) {
    if (work.kind !== 'train') return t.fail();
    for (const {boxes, classes} of work.objects) {
      t.is(boxes.length, 10);
      for (const [x1, y1, x2, y2] of boxes) {
        t.true(x1 >= 0 && y1 >= 0 && x2 <= 1344 && y2 <= 800);
        t.true(x2 - x1 >= 134 && x2 - x1 <= 672 && y2 - y1 >= 79 && y2 - y1 <= 400);
      }
      t.true(classes.every(label => label >= 1 && label <= 91));
    }
  }
});

test('convolutions are measured at the largest batch, the stem without a gradient of the pixels', t => {
  const titles = groupsOf('convolution').flat().map(titleOf);
  t.is(titles[0], 'convolution 3x3, 256 to 256 channels, 8x100x168, forward');
  t.is(titles.length, 5 * 3 - 1);
  t.deepEqual(titles.slice(-2), [
    'convolution 7x7/2, 3 to 64 channels, 8x800x1344, forward',
    'convolution 7x7/2, 3 to 64 channels, 8x800x1344, filter gradient',
  ]);
});

test('a Python without torchvision, or none, is absent for a reason', async t => {
  t.deepEqual(await findPython('/nowhere/python'), {kind: 'absent', why: '/nowhere/python cannot be run'});
  // Prints what was asked of it, which is not 'True'.
  t.deepEqual(await findPython('echo'), {kind: 'absent', why: 'echo has no torchvision'});
  t.deepEqual(
    await findPython(undefined, {SF_PYTHON: '/nowhere/python'}).then(({kind}) => kind),
    (await findPython(undefined, {})).kind,
  );
});

test('losses are measured on the logits of 100,000 anchors an image, after a copy of as many numbers', t => {
  t.deepEqual(
    groupsOf('loss').map(group => group.map(titleOf)),
    [
      [
        'copy of 16000000 numbers',
        'cross-entropy and its gradient, 2x100000x80',
        'focal loss and its gradient, 2x100000x80',
        'GHM-C and its gradient, 2x100000x80',
      ],
    ],
  );
});
