import test from 'ava';
import {
  chosenCategories,
  cocoChanges,
  type EvalFlags,
  parseIou,
  parseIouType,
  parseMaxDets,
  parseMetric,
  useOf,
} from '../../src/cli/eval-flags.js';
import {UsageError} from '../../src/errors.js';
import {IOU_THRESHOLDS} from '../../src/evaluate/coco-parameters.js';

const files: EvalFlags = {annotations: 'gt.json', results: 'dets.json'};

test('What is given decides what is evaluated', t => {
  t.is(useOf('run', {}), 'run');
  t.is(useOf('run', {metric: 'coco', out: 'x', analyze: 'y'}), 'run');
  t.is(useOf('run', {metric: 'voc', iou: [0.5]}), 'run-voc');
  t.is(useOf('run', {submit: 'x', submitName: 'y', data: 'coco:z'}), 'run-submit');
  t.is(useOf(undefined, {...files, iouType: 'segm', maxDets: [1], categories: ['cup']}), 'files');
  t.is(useOf(undefined, {...files, metric: 'voc', split: 'test'}), 'files-voc');
  t.is(useOf(undefined, {...files, submit: 'x', submitName: 'y', iouType: 'segm'}), 'files-submit');
  t.is(useOf(undefined, {annotations: 'gt.json', selfCheck: true, classAgnostic: true}), 'self-check');
});

for (const [run, flags, message] of [
  [undefined, {}, 'sf eval needs the folder of a run or a checkpoint, or --annotations and --results'],
  [undefined, {annotations: 'gt.json'}, /belong together/],
  [undefined, {results: 'dets.json'}, /belong together/],
  ['run', files, 'sf eval takes a run, or --annotations and --results, not both'],
  [undefined, {annotations: 'gt.json', results: ''}, '--results is empty; expected a path'],
  ['run', {selfCheck: true}, '--self-check needs --annotations, the file to be checked'],
  [undefined, {...files, selfCheck: true}, /leave --results out/],
  [undefined, {annotations: 'gt', selfCheck: true, metric: 'voc'}, /no meaning with --metric voc/],
  [
    undefined,
    {annotations: 'gt', selfCheck: true, analyze: 'x'},
    '--analyze has no meaning with --self-check',
  ],
  [undefined, {annotations: 'gt', selfCheck: true, submit: 'x'}, '--submit has no meaning with --self-check'],
  [undefined, {...files, data: 'coco:x'}, '--data has no meaning with --annotations and --results'],
  [undefined, {...files, split: 'val'}, '--split has no meaning with --annotations and --results'],
  [undefined, {...files, engine: 'wasm'}, '--engine has no meaning with --annotations and --results'],
  [
    undefined,
    {...files, deterministic: true},
    '--deterministic has no meaning with --annotations and --results',
  ],
  [undefined, {...files, out: 'x'}, '--out has no meaning with --annotations and --results'],
  [undefined, {...files, metric: 'voc', maxDets: [1]}, '--max-dets has no meaning with --metric voc'],
  [undefined, {...files, metric: 'voc', iouType: 'segm'}, '--iou-type has no meaning with --metric voc'],
  [
    undefined,
    {...files, metric: 'voc', classAgnostic: true},
    '--class-agnostic has no meaning with --metric voc',
  ],
  [undefined, {...files, metric: 'voc', submit: 'x'}, /--submit is for COCO's server/],
  [
    undefined,
    {...files, submit: 'x', submitName: 'y', imagesFile: 'z'},
    '--images-file has no meaning with --submit',
  ],
  [undefined, {...files, submit: 'x', submitName: 'y', cores: 2}, '--cores has no meaning with --submit'],
  [undefined, {...files, submitName: 'y'}, '--submit-name needs --submit, the folder for the zip'],
  ['run', {metric: 'voc', out: 'x'}, '--out has no meaning with --metric voc'],
  ['run', {submitName: 'x'}, '--submit-name needs --submit, the folder for the zip'],
] as const) {
  test(`${run ?? ''} ${JSON.stringify(flags)} is refused`, t => {
    t.throws(() => useOf(run, flags), {instanceOf: UsageError, message});
  });
}

test('Lists of numbers are read in rising order', t => {
  t.deepEqual(parseMaxDets('100, 1,10'), [1, 10, 100]);
  t.deepEqual(parseMaxDets('300'), [300]);
  t.deepEqual(parseIou('0.75,0.5'), [0.5, 0.75]);
});

test('Lists that make no sense are refused with the flag and what is wrong', t => {
  const refused = (parse: (text: string) => unknown, text: string, message: RegExp) =>
    t.throws(() => parse(text), {instanceOf: UsageError, message});
  refused(parseMaxDets, '', /^--max-dets is empty/);
  refused(parseMaxDets, '1,ten', /^--max-dets is ten; expected a whole number/);
  refused(parseMaxDets, '0', /^--max-dets is 0; expected a whole number of at least 1/);
  refused(parseMaxDets, '5,5', /^--max-dets has 5 twice/);
  refused(parseIou, '0', /^--iou has 0; expected numbers above 0 and at most 1/);
  refused(parseIou, '50', /^--iou has 50/);
  refused(parseIou, 'a', /^--iou is a; expected a number/);
  refused(parseIouType, 'seg', /^--iou-type is seg; expected one of bbox, segm; did you mean segm\?/);
  refused(parseMetric, 'pascal', /^--metric is pascal; expected one of coco, voc/);
});

test('Only what is given changes the parameters', t => {
  t.deepEqual(cocoChanges({}), {});
  t.deepEqual(cocoChanges({iouType: 'segm', maxDets: [7], iou: [0.5], classAgnostic: true}), {
    iouType: 'segm',
    maxDetections: [7],
    iouThresholds: [0.5],
    useCategories: false,
  });
});

test('Categories are chosen by name or id, and a wrong one is met with the nearest', t => {
  const categories = [
    {id: 1, name: 'person'},
    {id: 18, name: 'dog'},
  ];
  t.deepEqual(chosenCategories(['18', 'person', 'dog'], categories), [18, 1]);
  t.throws(() => chosenCategories(['persn'], categories), {
    instanceOf: UsageError,
    message: '--categories: there is no category persn; did you mean person?',
  });
  t.throws(() => chosenCategories([], categories), {instanceOf: UsageError, message: /is empty/});
});

test("--iou takes a range in steps of 0.05: of COCO's own thresholds, those to the bit", t => {
  t.deepEqual(parseIou('0.50:0.95'), IOU_THRESHOLDS);
  t.deepEqual(parseIou('.5:.95'), IOU_THRESHOLDS);
  t.deepEqual(parseIou('0.55:0.7'), [0.55, 0.6, 0.65, 0.7]);
  t.deepEqual(parseIou('1:1'), [1]);
  for (const text of [
    '0.9:0.5',
    '0:0.5',
    '0.5:1.05',
    '0.52:0.7',
    '0.5:0.05:0.95',
    '0.5:',
    'a:b',
    '-0.5:0.5',
  ]) {
    t.throws(() => parseIou(text), {instanceOf: UsageError, message: /^--iou is /}, text);
  }
});
