import test from 'ava';
import {parseVariation, stageShape} from '../../src/config/stage-values.js';
import {UsageError} from '../../src/errors.js';

const valuesOf = (text: string): readonly unknown[] => parseVariation(text).values.map(({value}) => value);

const LIBRA = {kind: 'iou-balanced', n: 512, fraction: 0.25, bins: 3, floor: null, quirks: 'none'};

test('samplers in short: the numbers of the heuristics, and n after a colon', t => {
  t.deepEqual(valuesOf('sampler=all,minibatch-biased,ohem,iou-balanced'), [
    {kind: 'all'},
    {kind: 'minibatch-biased', n: 256, fraction: 0.5},
    {kind: 'ohem', n: 512, fraction: 0.25},
    LIBRA,
  ]);
  t.deepEqual(valuesOf('sampler=ohem:256,iou-balanced:64'), [
    {kind: 'ohem', n: 256, fraction: 0.25},
    {...LIBRA, n: 64},
  ]);
});

test('samplers in full: what is not said is the default', t => {
  t.deepEqual(
    valuesOf(
      'sampler={kind: iou-balanced, n: 128, fraction: 0.5, quirks: reference},{kind: iou-balanced, n: 128, fraction: 0.5, bins: 2, floor: {threshold: 0.1, fraction: 0.3}}',
    ),
    [
      {...LIBRA, n: 128, fraction: 0.5, quirks: 'reference'},
      {...LIBRA, n: 128, fraction: 0.5, bins: 2, floor: {threshold: 0.1, fraction: 0.3}},
    ],
  );
});

test('losses in short: the published numbers, and the main one after a colon', t => {
  t.deepEqual(valuesOf('classificationLoss=ghm-c,ghm-c:10'), [
    {kind: 'ghm-c', bins: 30, momentum: 0.75},
    {kind: 'ghm-c', bins: 10, momentum: 0.75},
  ]);
  t.deepEqual(valuesOf('boxLoss=balanced-l1,iou,giou,ghm-r,ghm-r:1'), [
    {kind: 'balanced-l1', alpha: 0.5, gamma: 1.5, beta: 1},
    {kind: 'iou'},
    {kind: 'giou'},
    {kind: 'ghm-r', mu: 0.02, bins: 10, momentum: 0.7, weight: 10},
    {kind: 'ghm-r', mu: 0.02, bins: 10, momentum: 0.7, weight: 1},
  ]);
});

for (const [text, message] of [
  ['ohm', '--vary sampler=ohm: sampler has no kind ohm; did you mean ohem?'],
  ['ohem:x', '--vary sampler=ohem:x: ohem:x has a number that ohem does not take'],
  ['all:3', '--vary sampler=all:3: all:3 has a number that all does not take'],
  ['ohem,ohem:512', '--vary sampler=ohem,ohem:512: ohem and ohem:512 are the same value'],
] as const) {
  test(`refused in one line: sampler=${text}`, t => {
    t.throws(() => parseVariation(`sampler=${text}`), {instanceOf: UsageError, message});
  });
}

test('numbers out of range are refused with the field that they are in', t => {
  for (const [text, field] of [
    ['ohem:0', 'n'],
    ['ohem:1.5', 'n'],
    ['{kind: ohem, n: 8, fraction: 1}', 'fraction'],
    ['{kind: iou-balanced, n: 8, fraction: 0.5, bins: 0}', 'bins'],
    ['{kind: iou-balanced, n: 8, fraction: 0.5, floor: {threshold: 1, fraction: 0}}', 'floor.threshold'],
    ['{kind: iou-balanced, n: 8, fraction: 0.5, floor: {threshold: 0, fraction: 2}}', 'floor.fraction'],
    ['{kind: iou-balanced, n: 8, fraction: 0.5, quirks: mmdetection}', 'quirks'],
  ] as const) {
    const error = t.throws(() => parseVariation(`sampler=${text}`), {instanceOf: UsageError});
    t.true(error.message.includes(` is no sampler: ${field} `), error.message);
    t.false(error.message.includes('\n'));
  }
});

test('a sampler without numbers takes those of its stage, and a number that is given stands', t => {
  const stage = {name: 'roi', shape: stageShape('faster-rcnn', 'roi'), sample: {n: 128, fraction: 0.3}};
  const values = parseVariation('sampler=all,ohem,iou-balanced:64,{kind: ohem, n: 8, fraction: 0.5}', stage);
  t.deepEqual(
    values.values.map(({value}) => value),
    [
      {kind: 'all'},
      {kind: 'ohem', n: 128, fraction: 0.3},
      {...LIBRA, n: 64, fraction: 0.3},
      {kind: 'ohem', n: 8, fraction: 0.5},
    ],
  );
});

test('a RoI-subnet has less to choose from than other stages', t => {
  const roi = (detector: Parameters<typeof stageShape>[0]) => ({
    name: 'roi',
    shape: stageShape(detector, 'roi'),
    sample: {},
  });
  t.throws(() => parseVariation('scoreThreshold=fixed,adaptive', roi('cascade-rcnn')), {
    instanceOf: UsageError,
    message: '--vary scoreThreshold=fixed,adaptive: stage roi has no scoreThreshold adaptive; valid: fixed',
  });
  t.throws(() => parseVariation('classificationLoss=focal', roi('mask-rcnn')), {
    message:
      '--vary classificationLoss=focal: stage roi has no classificationLoss focal; valid: cross-entropy',
  });
  const rpn = {name: 'rpn', shape: stageShape('faster-rcnn', 'rpn'), sample: {}};
  t.deepEqual(parseVariation('classificationLoss=focal', rpn).values[0]?.value, {
    kind: 'focal',
    alpha: 0.25,
    gamma: 2,
  });
});

test("YOLOv3 has box losses of its own, and darknet's belongs to it alone", t => {
  const dense = (detector: Parameters<typeof stageShape>[0]) => ({
    name: 'dense',
    shape: stageShape(detector, 'dense'),
    sample: {},
  });
  const {values} = parseVariation('boxLoss=darknet,giou,{kind: darknet, entropy: excluded}', dense('yolov3'));
  t.deepEqual(
    values.map(({value}) => value),
    [{kind: 'darknet', entropy: 'included'}, {kind: 'giou'}, {kind: 'darknet', entropy: 'excluded'}],
  );
  t.throws(() => parseVariation('boxLoss=l1', dense('yolov3')), {
    message: '--vary boxLoss=l1: stage dense has no boxLoss l1; valid: iou, giou, darknet',
  });
  t.throws(() => parseVariation('boxLoss={kind: darknet, entropy: some}', dense('yolov3')), {
    message: /is no boxLoss: entropy /,
  });
  t.throws(() => parseVariation('boxLoss=darknet', dense('retinanet')), {instanceOf: UsageError});
});
