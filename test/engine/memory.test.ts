import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {processMemory} from '../../src/engine/memory.js';
import {openEngine} from '../../src/engine/open.js';
import {WASM_HEAP_LIMIT} from '../../src/engine/wasm/guard.js';

test('the limit of the wasm heap is 4 GiB less one page of 64 KiB', t => {
  t.is(WASM_HEAP_LIMIT, 4096 * 2 ** 20 - 64 * 1024);
});

test.serial('memory of the wasm engine counts tensors, their bytes and the heap', async t => {
  const engine = await openEngine('wasm');
  const before = engine.memory();
  const x = tf.zeros([1024, 256]);
  const after = engine.memory();
  t.is(after.tensors - before.tensors, 1);
  t.is(after.tensorBytes - before.tensorBytes, 1024 * 256 * 4);
  t.true(after.peakBytes >= before.peakBytes);
  t.is(after.limitBytes, WASM_HEAP_LIMIT);
  x.dispose();
  t.is(engine.memory().tensors, before.tensors);
});

test('memory of an engine inside the process is bounded by the machine', t => {
  const {peakBytes, limitBytes} = processMemory();
  t.true(peakBytes > 2 ** 20);
  t.true(limitBytes >= peakBytes);
});

test('more than 4 GiB asked for in pieces ends in a RunError, and the engine goes on', async t => {
  const program = fileURLToPath(new URL('out-of-memory.js', import.meta.url));
  const {stdout} = await promisify(execFile)(process.execPath, [program]);
  const {pieces, tensor, huge, workspace, after, leaked} = JSON.parse(stdout);
  // 4095.9 MiB hold fifteen pieces of 256 MiB beside what the module itself needs.
  t.is(pieces, 15);
  const message =
    /^RunError: engine wasm is out of memory: \d+ MiB more were asked for with \d+ MiB of its 4096 MiB taken; use smaller images, a smaller batch or another engine$/;
  t.regex(tensor, message);
  t.regex(tensor, /memory: 256 MiB more/);
  // 2^32 bytes would wrap around to a request of 0 bytes.
  t.regex(huge, message);
  t.regex(huge, /memory: 4096 MiB more/);
  // XNNPACK packs the filter into memory of its own; without it the output would stay unwritten.
  t.regex(
    workspace,
    /^RunError: engine wasm is out of memory: (\d+ MiB more were asked for|a kernel asked for more) with/,
  );
  t.deepEqual(after, [3, 5]);
  t.is(leaked, 0);
});
