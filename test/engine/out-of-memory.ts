/** Run in a process of its own by memory.test.ts: fills the wasm heap and prints as JSON what the failures say. */
import * as tf from '@tensorflow/tfjs';
import {BackendWasm} from '@tensorflow/tfjs-backend-wasm';
import {openEngine} from '../../src/engine/open.js';

await openEngine('wasm');
const backend = tf.backend();
if (!(backend instanceof BackendWasm)) throw new Error('the wasm engine has another backend');

/** What `fn` throws, as 'Name: message'. */
function failure(fn: () => void): string {
  try {
    fn();
  } catch (error) {
    return String(error);
  }
  return 'nothing was thrown';
}

// Outputs of kernels: allocated, never written, so that the operating system has no pages to find.
const outputs: tf.TensorInfo[] = [];
const fill = (mebibytes: number): string =>
  failure(() => {
    for (;;) outputs.push(backend.makeOutput([mebibytes * 2 ** 18], 'float32'));
  });

const x = tf.ones<tf.Rank.R4>([1, 8, 8, 512]);
const filter = tf.ones<tf.Rank.R4>([3, 3, 512, 512]);
const tensor = fill(256);
const pieces = outputs.length;
const huge = failure(() => backend.makeOutput([2 ** 30], 'float32'));
fill(4);
const before = tf.memory().numTensors;
const workspace = failure(() => tf.conv2d(x, filter, 1, 'valid'));
const leaked = tf.memory().numTensors - before;
for (const {dataId} of outputs) backend.disposeData(dataId);
const after = Array.from(tf.add(tf.tensor1d([1, 2]), tf.tensor1d([2, 3])).dataSync());
console.log(JSON.stringify({pieces, tensor, huge, workspace, after, leaked}));
