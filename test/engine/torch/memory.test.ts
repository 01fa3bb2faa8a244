import {totalmem} from 'node:os';
import test from 'ava';
import {buildRecord, type CoreFunctions, functionsOf, type Handle} from '../../../src/engine/torch/addon.js';
import {limitTorchMemory, type MemoryFunctions, torchMemory} from '../../../src/engine/torch/memory.js';
import {RunError} from '../../../src/errors.js';

const MIB = 2 ** 20;
/** Memory comes from the system, and goes back to it, in pieces of this size (Arena::CHUNK). */
const CHUNK = 2 * MIB;

const built = buildRecord() !== undefined;
const torchTest = built ? test.serial : test.serial.skip;
const native = (): CoreFunctions & MemoryFunctions => functionsOf();
const statistics = () => native().memoryStatistics();

/** A tensor of that many bytes, all elements `value`. */
function tensorOf(bytes: number, value = 0): Handle {
  return native().fromValues(new Float32Array(bytes / 4).fill(value), [bytes / 4]);
}

function valuesOf(handle: Handle, bytes: number): Float32Array {
  const into = new Float32Array(bytes / 4);
  native().read(handle, into);
  return into;
}

function releaseAll(handles: readonly Handle[]): void {
  for (const handle of handles) native().release(handle);
}

test.beforeEach(() => {
  if (!built) return;
  native().setMemoryLimit(totalmem());
  native().releaseMemory();
  native().resetMemoryPeak();
});

test.afterEach(t => {
  if (!built) return;
  t.is(native().tensorCount(), 0, 'tensors are left');
  t.is(statistics().inUse, 0, 'memory is left in use');
});

torchTest('memory in use is that of the tensors alive', t => {
  const small = tensorOf(400);
  // malloc may give a few bytes more than were asked for.
  t.true(statistics().inUse >= 400 && statistics().inUse < 600);
  const large = tensorOf(4 * MIB);
  t.true(statistics().inUse >= 400 + 4 * MIB && statistics().inUse < 600 + 4 * MIB);
  native().release(small);
  t.is(statistics().inUse, 4 * MIB);
  native().release(large);
  t.is(statistics().inUse, 0);
});

torchTest('a tensor of no elements takes no memory', t => {
  const handle = native().fromValues(new Float32Array(0), [0, 3]);
  t.is(statistics().inUse, 0);
  native().release(handle);
});

torchTest('freed memory is used again without asking the system', t => {
  // A step that keeps activations and frees them in the opposite order, as a backward pass does.
  const sizes = [8, 1, 4, 16, 2, 0.25, 4, 1];
  const step = () => {
    const activations = sizes.map(size => tensorOf(size * MIB, size));
    for (const [i, activation] of [...activations.entries()].reverse()) {
      const gradient = tensorOf(sizes[i]! * MIB);
      t.is(valuesOf(activation, sizes[i]! * MIB).at(-1), sizes[i]);
      releaseAll([activation, gradient]);
    }
  };
  step();
  const {reserved, systemRequests, allocations} = statistics();
  for (let i = 0; i < 5; i++) step();
  t.is(statistics().systemRequests, systemRequests);
  t.is(statistics().reserved, reserved);
  t.is(statistics().allocations, allocations + 5 * 2 * sizes.length);
  // The most are alive at the gradient of 16 MiB: that, its activation and those before it, 8 + 1 + 4 MiB.
  t.is(statistics().peakInUse, 45 * MIB);
  t.true(statistics().peakReserved <= 45 * MIB + 2 * CHUNK);
});

torchTest('the peak starts again from what is held', t => {
  const [kept, freed] = [tensorOf(4 * MIB), tensorOf(16 * MIB)];
  native().release(freed);
  t.is(statistics().peakInUse, 20 * MIB);
  native().resetMemoryPeak();
  t.is(statistics().peakInUse, 4 * MIB);
  t.is(statistics().peakReserved, 20 * MIB);
  native().releaseMemory();
  native().resetMemoryPeak();
  t.is(statistics().peakReserved, 4 * MIB);
  native().release(kept);
});

torchTest('memory that no tensor uses goes back to the system when asked', t => {
  const handles = [tensorOf(64 * MIB, 1), tensorOf(64 * MIB, 2)];
  native().release(handles[0]!);
  const before = process.memoryUsage.rss();
  t.true(statistics().reserved >= 128 * MIB);
  native().releaseMemory();
  t.is(statistics().reserved, 64 * MIB);
  t.true(before - process.memoryUsage.rss() > 60 * MIB);
  t.deepEqual(valuesOf(handles[1]!, 64 * MIB).slice(-3), Float32Array.of(2, 2, 2));
  native().release(handles[1]!);
});

torchTest('an allocation past the limit is one clear error, and nothing is lost', t => {
  const kept = tensorOf(4 * MIB, 3);
  native().setMemoryLimit(10 * MIB);
  for (let i = 0; i < 20; i++) {
    const error = t.throws(() => tensorOf(8 * MIB));
    t.is(
      error.message,
      'out of memory: 8.0 MiB asked for with 4.0 MiB in use, of 10.0 MiB that may be used; ' +
        'take a smaller batch or smaller images',
    );
    t.is((error as {code?: string}).code, 'OUT_OF_MEMORY');
  }
  t.is(statistics().inUse, 4 * MIB);
  t.is(native().tensorCount(), 1);
  // Small tensors count as well.
  native().setMemoryLimit(4 * MIB);
  t.is((t.throws(() => tensorOf(400)) as {code?: string}).code, 'OUT_OF_MEMORY');
  native().setMemoryLimit(10 * MIB);
  const fits = tensorOf(6 * MIB, 5);
  t.is(valuesOf(fits, 6 * MIB)[12345], 5);
  t.is(valuesOf(kept, 4 * MIB)[12345], 3);
  releaseAll([kept, fits]);
});

torchTest('free memory goes back to the system before an allocation fails', t => {
  // Three neighbours; the middle one stays. 14 MiB fit into no free range of what is held.
  const [first, middle, last] = [tensorOf(8 * MIB), tensorOf(8 * MIB, 7), tensorOf(8 * MIB)];
  native().setMemoryLimit(24 * MIB);
  releaseAll([first, last]);
  const large = tensorOf(14 * MIB, 9);
  t.true(statistics().peakReserved <= 24 * MIB);
  t.is(valuesOf(middle, 8 * MIB)[2 * MIB - 1], 7);
  t.is(valuesOf(large, 14 * MIB)[0], 9);
  releaseAll([middle, large]);
});

torchTest('what is held beyond a lower limit goes back as soon as it is free', t => {
  const handles = [tensorOf(16 * MIB), tensorOf(16 * MIB)];
  native().setMemoryLimit(20 * MIB);
  t.is(statistics().reserved, 32 * MIB);
  native().release(handles[0]!);
  t.true(statistics().reserved <= 20 * MIB);
  native().release(handles[1]!);
});

torchTest('the engine tells its peak and its limit', t => {
  limitTorchMemory(100 * MIB);
  const handle = tensorOf(16 * MIB);
  t.like(torchMemory(), {peakBytes: 16 * MIB, limitBytes: 100 * MIB});
  native().release(handle);
});

torchTest('a limit that leaves nothing is refused', t => {
  for (const bytes of [0, -1, Number.NaN, 0.5])
    t.throws(() => limitTorchMemory(bytes), {instanceOf: RunError, message: /positive whole number/});
  t.throws(() => native().setMemoryLimit(0), {message: /a memory limit of 0 bytes leaves nothing/});
});
