import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {ENGINE_CHOICES, type EngineChoice, type EngineName} from '../../src/config/engine-choice.js';
import type {EngineDriver} from '../../src/engine/engine.js';
import {automaticEngine, findEngines, openEngine, openFirst} from '../../src/engine/open.js';
import {RunError, UsageError} from '../../src/errors.js';

/** A driver that opens, or fails with `failure`. */
function driver(name: EngineName, failure?: Error): EngineDriver {
  return {
    name,
    probe: async () => ({name, available: failure === undefined, detail: failure?.message ?? 'works'}),
    open: async () => {
      if (failure !== undefined) throw failure;
      const memory = {tensors: 0, tensorBytes: 0, peakBytes: 0, limitBytes: 0};
      return {version: '1', detail: 'works', onGpu: false, memory: () => memory};
    },
  };
}

test.serial('the wasm engine computes, and is tfjs-backend-wasm 4.22.0', async t => {
  const engine = await openEngine('wasm');
  t.is(engine.name, 'wasm');
  t.is(engine.version, '4.22.0');
  t.is(engine.detail, 'WebAssembly SIMD, one thread');
  t.is(engine.reason, 'asked for by name');
  const square = tf.square(tf.tensor1d([1, 2, 3]));
  t.deepEqual([...square.dataSync()], [1, 4, 9]);
  tf.dispose(square);
});

test.serial('engines can be changed, opened again, and reset', async t => {
  await openEngine('cpu');
  t.is(tf.getBackend(), 'cpu');
  await openEngine('wasm');
  await openEngine('wasm');
  t.is(tf.getBackend(), 'wasm');
  tf.engine().reset();
  await openEngine('wasm');
  t.is(tf.add(1, 2).dataSync()[0], 3);
});

test.serial('the cpu engine does not greet', async t => {
  const {warn} = console;
  const warnings: unknown[] = [];
  console.warn = (...values: unknown[]) => void warnings.push(...values);
  try {
    await openEngine('cpu');
    tf.tensor1d([1]).dispose();
  } finally {
    console.warn = warn;
  }
  t.deepEqual(warnings, []);
});

test('an engine that does not exist is a usage error with the valid ones', async t => {
  const choice = 'gpu' as string as EngineChoice;
  await t.throwsAsync(openEngine(choice), {
    instanceOf: UsageError,
    message: `there is no engine gpu; choose one of ${ENGINE_CHOICES.join(', ')}`,
  });
});

test('auto takes the first engine that opens and says what is wrong with the faster ones', async t => {
  const missing = new RunError('engine tensorflow: it is not installed');
  const {name, reason} = await openFirst([driver('tensorflow', missing), driver('wasm')]);
  t.is(name, 'wasm');
  t.is(reason, 'auto: engine tensorflow: it is not installed');
  const fastest = await openFirst([driver('tensorflow'), driver('wasm')]);
  t.is(fastest.reason, 'auto: tensorflow is the fastest engine and it is available');
});

test('when nothing opens, auto fails in one line; a bug in a driver stays a bug', async t => {
  const broken = [
    driver('tensorflow', new RunError('engine tensorflow: a')),
    driver('wasm', new RunError('engine wasm: b')),
  ];
  await t.throwsAsync(openFirst(broken), {
    instanceOf: RunError,
    message: 'no engine can be opened: engine tensorflow: a; engine wasm: b',
  });
  await t.throwsAsync(openFirst([driver('wasm', new TypeError('bug'))]), {instanceOf: TypeError});
});

test('every engine is listed, opened or not, and auto is decided from the list', async t => {
  const found = await findEngines();
  t.deepEqual(
    found.map(({name}) => name),
    ['torch', 'tensorflow', 'wasm', 'cpu'],
  );
  t.true(found.find(({name}) => name === 'wasm')?.available);
  t.true(found.every(({detail}) => detail !== '' && !detail.includes('\n')));

  const wasm = {name: 'wasm', available: true, detail: 'embedded'} as const;
  const tensorflow = {name: 'tensorflow', available: false, detail: 'it is not installed'} as const;
  const torch = {name: 'torch', available: false, detail: 'its addon is not built'} as const;
  t.deepEqual(automaticEngine([torch, tensorflow, wasm]), {
    name: 'wasm',
    reason: 'auto: engine torch: its addon is not built; engine tensorflow: it is not installed',
  });
  t.is(automaticEngine([torch, {...tensorflow, available: true}, wasm]).name, 'tensorflow');
  t.is(automaticEngine([{...torch, available: true}, tensorflow, wasm]).name, 'torch');
  t.is(automaticEngine([]).name, undefined);
});
