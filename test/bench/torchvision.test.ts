/** Both sides on the two-stage models, at a size of seconds: they train as many parameters on as many regions. */
import {fileURLToPath} from 'node:url';
import test from 'ava';
import type {Case, CaseName} from '../../src/bench/cases.js';
import {measure} from '../../src/bench/measure.js';
import {MODELS} from '../../src/bench/models.js';
import {findPython, torchvisionProgram} from '../../src/bench/python.js';
import type {DetectorWork} from '../../src/bench/work.js';

const COMMAND = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));
const SIZE = {height: 96, width: 128};

function smallCase(name: CaseName, kind: DetectorWork['kind'], model: 'faster-rcnn' | 'mask-rcnn'): Case {
  const work: DetectorWork = {
    kind,
    model,
    ...SIZE,
    classes: MODELS[model].classes,
    objects: [{boxes: [[8, 8, 50, 40]], classes: [90]}],
    regions: {examples: 12, foreground: 4},
  };
  return {name, summary: '', warmup: 0, repeat: 1, groups: () => [[work]]};
}

test('Faster and Mask R-CNN train and infer on both sides, with as many parameters', async t => {
  const python = await findPython(undefined);
  if (python.kind === 'absent') {
    t.log(`skipped: ${python.why}`);
    t.pass();
    return;
  }
  // `measure` itself refuses sides that train different numbers of parameters.
  const {results} = await measure(
    [
      smallCase('faster-rcnn-train', 'train', 'faster-rcnn'),
      smallCase('mask-rcnn-train', 'train', 'mask-rcnn'),
      smallCase('mask-rcnn-inference', 'inference', 'mask-rcnn'),
    ],
    {
      ...SIZE,
      batches: [1],
      sf: {name: 'sf', command: process.execPath, args: [COMMAND, 'bench', '--worker', '--engine', 'wasm']},
      other: sf => torchvisionProgram(python.python, sf),
      warmup: undefined,
      repeat: undefined,
      profile: false,
      onProgress: () => undefined,
    },
  );
  for (const {case: name, sf, torchvision} of results) {
    t.is(sf.kind, 'measured', `${name}: ${JSON.stringify(sf)}`);
    t.is(torchvision?.kind, 'measured', `${name}: ${JSON.stringify(torchvision)}`);
  }
});

test('torchvision trains and infers in bf16 on the CPU, whatever its version', async t => {
  const python = await findPython(undefined);
  if (python.kind === 'absent') {
    t.log(`skipped: ${python.why}`);
    t.pass();
    return;
  }
  const introduction = {
    detail: '',
    device: 'cpu',
    threads: 1,
    precision: 'bf16',
    deterministic: false,
  } as const;
  const {results} = await measure(
    [
      smallCase('mask-rcnn-train', 'train', 'mask-rcnn'),
      smallCase('mask-rcnn-inference', 'inference', 'mask-rcnn'),
    ],
    {
      ...SIZE,
      batches: [1],
      sf: torchvisionProgram(python.python, introduction),
      other: undefined,
      warmup: undefined,
      repeat: undefined,
      profile: false,
      onProgress: () => undefined,
    },
  );
  for (const {case: name, sf} of results) t.is(sf.kind, 'measured', `${name}: ${JSON.stringify(sf)}`);
});
