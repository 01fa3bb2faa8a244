/** The case of the losses, and how their times are held against a copy. */
import {fileURLToPath} from 'node:url';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {CASES, type Case} from '../../src/bench/cases.js';
import type {Outcome} from '../../src/bench/contestant.js';
import {type Measurements, measure, type Result} from '../../src/bench/measure.js';
import {prepareWork} from '../../src/bench/prepared-work.js';
import {findPython, torchvisionProgram} from '../../src/bench/python.js';
import {benchJson, benchText} from '../../src/bench/text.js';
import {trafficText} from '../../src/bench/traffic.js';
import {type LossWork, titleOf, type Work} from '../../src/bench/work.js';
import {openForTest} from '../engines.js';

const SIDE = {detail: 'a side', device: 'cpu', threads: 2, precision: 'fp32', deterministic: false};

const GROUPS = CASES.find(({name}) => name === 'loss')!.groups({
  height: 800,
  width: 1344,
  batches: [1],
  onGpu: false,
});

const took = (...milliseconds: number[]): Outcome => ({
  kind: 'measured',
  milliseconds,
  peakBytes: undefined,
});

const resultOf = (work: Work, sf: Outcome, torchvision?: Outcome): Result => ({
  case: 'loss',
  work,
  operations: 0,
  sf,
  torchvision,
  profile: undefined,
});

test('the case is a copy and three losses with as many logits, 100,000 anchors of 80 classes in two images', t => {
  const [works] = GROUPS;
  t.deepEqual(works!.map(titleOf), [
    'copy of 16000000 numbers',
    'cross-entropy and its gradient, 2x100000x80',
    'focal loss and its gradient, 2x100000x80',
    'GHM-C and its gradient, 2x100000x80',
  ]);
  t.is(GROUPS.length, 1);
});

test('a loss reads its logits twice and writes their gradients, with a label and a weight for every example', t => {
  const [copy, crossEntropy, focal] = GROUPS[0]! as [Work, Work, Work, Work];
  const results = [
    // 128 MB in 10 ms, and in 8 ms: 16 GB/s is the faster one.
    resultOf(copy, took(10, 10, 10), took(8)),
    // 3 times 64 MB, and 200,000 times 16 bytes: 195.2 MB take 12.2 ms at 16 GB/s, 2.5 times as long here.
    resultOf(crossEntropy, took(30.5, 1, 99), took(122)),
    resultOf(focal, took(12.2), {kind: 'failed', message: 'no'}),
  ];
  t.is(
    trafficText(results),
    `
memory traffic
                                                MB  GB/s  of a copy
copy of 16000000 numbers                     128.0  12.8       1.25
  torchvision                                128.0  16.0       1.00
cross-entropy and its gradient, 2x100000x80  195.2   6.4       2.50
  torchvision                                195.2   1.6      10.00
focal loss and its gradient, 2x100000x80     195.2  16.0       1.00
MB: what is read and written at least; of a copy: the time over that of copying as many bytes, at the speed of the fastest copy here
`,
  );
  const measurements: Measurements = {sf: SIDE, torchvision: SIDE, results};
  t.true(benchText(measurements, 'the setting').endsWith(trafficText(results)));
  const json = JSON.parse(JSON.stringify(benchJson(measurements, {}))) as {results: object[]};
  t.like(json.results[1], {
    operations: 0,
    traffic: {
      sf: {bytes: 195.2e6, speed: 6.4e9, overCopy: 2.5},
      torchvision: {bytes: 195.2e6, speed: 1.6e9, overCopy: 10},
    },
  });
  t.deepEqual(Object.keys((json.results[2] as {traffic: object}).traffic), ['sf']);
});

test('without a copy there is no ratio; works that arithmetic bounds are not in the table', t => {
  const product: Work = {kind: 'mat-mul', rows: 2, inner: 3, columns: 4};
  t.is(trafficText([resultOf(product, took(1))]), '');
  const alone = [resultOf(product, took(1)), resultOf(GROUPS[0]![1]!, took(30.5))];
  const [, , , row] = trafficText(alone).split('\n');
  t.is(row, 'cross-entropy and its gradient, 2x100000x80  195.2   6.4');
  const json = benchJson({sf: SIDE, torchvision: undefined, results: alone}, {});
  t.deepEqual(
    json.results.map(result => 'traffic' in result),
    [false, true],
  );
});

const small = (work: Work): LossWork => {
  if (work.kind !== 'loss') throw new Error('a loss is expected');
  return {...work, levelCounts: [1001, 20, 3], classes: 4};
};

test.serial(
  'a copy and the losses leave no tensor behind; GHM-C keeps its sums until it is disposed',
  async t => {
    await openForTest('wasm');
    const before = tf.memory().numTensors;
    const losses = GROUPS[0]!.slice(1).map(small);
    for (const [work, tensors] of [
      [{kind: 'copy', numbers: 5} as const, 1],
      ...losses.map(loss => [loss, loss.loss.kind === 'ghm-c' ? 4 : 3] as const),
    ] as const) {
      const prepared = await prepareWork(work);
      t.is(tf.memory().numTensors, before + tensors, titleOf(work));
      await prepared.run();
      await prepared.run();
      t.is(tf.memory().numTensors, before + tensors, titleOf(work));
      prepared.dispose();
      t.is(tf.memory().numTensors, before, titleOf(work));
    }
  },
);

test.serial('both sides do the losses and the copy', async t => {
  const python = await findPython(undefined);
  if (python.kind === 'absent') {
    t.log(`skipped: ${python.why}`);
    t.pass();
    return;
  }
  const works = [{kind: 'copy', numbers: 1000} as const, ...GROUPS[0]!.slice(1).map(small)];
  const one: Case = {name: 'loss', summary: '', warmup: 0, repeat: 1, groups: () => [works]};
  const command = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));
  const {results} = await measure([one], {
    height: 64,
    width: 96,
    batches: [1],
    sf: {name: 'sf', command: process.execPath, args: [command, 'bench', '--worker', '--engine', 'wasm']},
    other: sf => torchvisionProgram(python.python, sf),
    warmup: undefined,
    repeat: undefined,
    profile: false,
    onProgress: () => undefined,
  });
  t.is(results.length, 4);
  for (const {work, sf, torchvision, operations} of results) {
    t.is(sf.kind, 'measured', `${titleOf(work)}: ${JSON.stringify(sf)}`);
    t.is(torchvision?.kind, 'measured', `${titleOf(work)}: ${JSON.stringify(torchvision)}`);
    t.is(operations, 0);
  }
});
