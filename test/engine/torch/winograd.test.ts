import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {buildRecord, type Handle} from '../../../src/engine/torch/addon.js';
import {
  computed,
  LAYERS,
  layerErrors,
  native,
  normalValues,
  PRODUCTS,
  productError,
  type Values,
} from './cpu-products.js';

const built = buildRecord() !== undefined;
const torchTest = built ? test.serial : test.serial.skip;

/** Of float32 sums of up to 1170 terms: F(4x4, 3x3) may amplify rounding tenfold, the largest of many errors is five times theirs. */
const WINOGRAD_ERROR = 2e-5;
const SUM_ERROR = 3e-6;

const ones = (shape: readonly number[]): Values => ({
  values: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1),
  shape,
});

test.afterEach(t => {
  if (built) t.is(native().tensorCount(), 0, 'tensors are left');
});

torchTest('a product of matrices, of either side transposed, is the sum of its products', t => {
  for (const size of PRODUCTS)
    for (const transposeA of [false, true])
      for (const transposeB of [false, true]) {
        const error = productError(size, transposeA, transposeB);
        t.true(error < SUM_ERROR, `${size} ${transposeA} ${transposeB}: ${error}`);
      }
});

torchTest('a product over batches takes the matrix that one side has for all', t => {
  // [1 2; 3 4] and [2 0; 0 2] times [1 1; 0 1]: [1 3; 3 7] and [2 2; 0 2].
  const a = {values: new Float32Array([1, 2, 3, 4, 2, 0, 0, 2]), shape: [2, 2, 2]};
  const b = {values: new Float32Array([1, 1, 0, 1]), shape: [1, 2, 2]};
  const product = (...handles: Handle[]) => native().cpuMatrixProduct(handles[0]!, handles[1]!, false, false);
  t.deepEqual([...computed(product, 8, a, b)], [1, 3, 3, 7, 2, 2, 0, 2]);
  // [1 1; 0 1] times each: [4 6; 3 4] and [2 2; 0 2]; its transpose [1 0; 1 1] times each: [1 2; 4 6] and [2 0; 2 2].
  t.deepEqual([...computed(product, 8, b, a)], [4, 6, 3, 4, 2, 2, 0, 2]);
  const transposed = (...handles: Handle[]) =>
    native().cpuMatrixProduct(handles[0]!, handles[1]!, true, false);
  t.deepEqual([...computed(transposed, 8, b, a)], [1, 2, 4, 6, 2, 0, 2, 2]);
});

torchTest('a product over no depth is zero', t => {
  const product = (...handles: Handle[]) => native().cpuMatrixProduct(handles[0]!, handles[1]!, false, false);
  t.deepEqual([...computed(product, 6, ones([2, 0]), ones([0, 3]))], [0, 0, 0, 0, 0, 0]);
});

torchTest('matrices and filters that do not fit are refused', t => {
  const product = (...handles: Handle[]) => native().cpuMatrixProduct(handles[0]!, handles[1]!, false, false);
  t.throws(() => computed(product, 1, ones([2, 3]), ones([4, 2])), {
    message: /inner dimensions of \[2, 3\] and \[4, 2\]/,
  });
  const convolution = (...handles: Handle[]) =>
    native().winogradConvolution(handles[0]!, handles[1]!, undefined, 1, 1, undefined);
  t.throws(() => computed(convolution, 1, ones([1, 4, 4, 2]), ones([5, 5, 2, 2])), {
    message: /\[5, 5, 2, 2\] is not 3x3/,
  });
  t.throws(() => computed(convolution, 1, ones([1, 4, 4, 2]), ones([3, 3, 3, 2])), {
    message: /do not fit a filter/,
  });
});

torchTest('an image and a filter of ones count the pixels under the filter', t => {
  // 16 channels: 9 pixels inside, 6 at an edge, 4 in a corner, each 16.
  const y = computed(
    (...handles) => native().winogradConvolution(handles[0]!, handles[1]!, undefined, 1, 1, undefined),
    25 * 16,
    ones([1, 5, 5, 16]),
    ones([3, 3, 16, 16]),
  );
  const counts = [4, 6, 6, 6, 4, 6, 9, 9, 9, 6, 6, 9, 9, 9, 6, 6, 9, 9, 9, 6, 4, 6, 6, 6, 4];
  for (const [pixel, count] of counts.entries())
    for (let channel = 0; channel < 16; channel++)
      t.true(Math.abs(y[pixel * 16 + channel]! - 16 * count) < 16 * count * WINOGRAD_ERROR);
});

torchTest(
  'the convolution, alone and with bias, residual and ReLU, and both gradients are the sums that define them',
  t => {
    for (const layer of LAYERS)
      for (const [what, error] of Object.entries(layerErrors(layer)))
        t.true(error < WINOGRAD_ERROR, `${what} of ${JSON.stringify(layer)}: ${error}`);
  },
);

torchTest('results do not depend on the number of threads', t => {
  const x = normalValues([2, 60, 60, 48], 8);
  const filter = normalValues([3, 3, 48, 80], 9);
  const dy = normalValues([2, 60, 60, 80], 10);
  const a = normalValues([70, 5000], 11);
  const b = normalValues([5000, 40], 12);
  const threads = native().describe().threads;
  const results = [1, 2, 3, 7].map(count => {
    native().configure(-1, count, 'fp32', false);
    return [
      computed(
        (p, q) => native().winogradConvolution(p!, q!, undefined, 1, 1, undefined),
        dy.values.length,
        x,
        filter,
      ),
      computed((p, q) => native().winogradInputGradient(p!, q!, 1, 60, 60), x.values.length, dy, filter),
      computed((p, q) => native().winogradFilterGradient(p!, q!, 1), filter.values.length, x, dy),
      computed((p, q) => native().cpuMatrixProduct(p!, q!, false, false), 2800, a, b),
    ];
  });
  native().configure(-1, threads, 'fp32', false);
  for (const result of results)
    for (const [i, {buffer}] of result.entries())
      t.true(Buffer.from(buffer).equals(Buffer.from(results[0]![i]!.buffer)));
});

torchTest('ReLU keeps what is not a number', t => {
  const x = ones([1, 4, 4, 16]);
  x.values[0] = Number.NaN;
  const y = computed(
    (p, q) => native().winogradConvolution(p!, q!, undefined, 0, 1, undefined),
    256,
    x,
    ones([3, 3, 16, 16]),
  );
  t.true(Number.isNaN(y[0]));
});

for (const instructions of ['avx2', 'default'])
  torchTest(`processors that have no more than ${instructions} instructions compute the same`, t => {
    const program = fileURLToPath(new URL('./cpu-products.js', import.meta.url));
    const env = {...process.env, ATEN_CPU_CAPABILITY: instructions};
    const error = Number(execFileSync(process.execPath, [program], {env, encoding: 'utf8'}));
    t.true(error > 0 && error < WINOGRAD_ERROR, `${error}`);
  });

torchTest('the transforms are taken where they are faster than the direct sum', t => {
  const suits = native().winogradSuits;
  t.true(suits(256, 256, 100, 168, 1));
  t.true(suits(256, 36, 13, 21, 1));
  t.true(suits(16, 16, 40, 40, 8));
  // Three or eight channels fill no line of 16; a tile of 4x4 for one result costs more than it saves.
  t.false(suits(3, 64, 100, 168, 1));
  t.false(suits(8, 8, 100, 168, 1));
  t.false(suits(256, 256, 1, 1, 64));
});
