/**
 * Trains the linear model in a process that tests kill: `training-child RUN_DIR ITERATIONS CHECKPOINT_EVERY PADDING
 * PAUSE_MS`. Starts, or continues from the last checkpoint. Prints each iteration; exits 130 or 143 when interrupted.
 */
import * as tf from '@tensorflow/tfjs';
import {loadLatest} from '../../src/train/checkpoint.js';
import {listenForInterrupt} from '../../src/train/interrupt.js';
import {train} from '../../src/train/loop.js';
import {linearDetector, noiseBatches} from './linear-detector.js';
import {runConfig} from './run-config.js';

const [runDir = '', iterations, checkpointEvery, padding, pause] = process.argv.slice(2);
const interrupt = listenForInterrupt();
await tf.setBackend('cpu');
await train({
  config: runConfig({iterations: Number(iterations), checkpointEvery: Number(checkpointEvery)}),
  detector: linearDetector(Number(padding)),
  batches: noiseBatches({pause: Number(pause)}),
  runDir,
  description: {configYaml: '', environment: {}, engine: 'cpu'},
  trainingSet: {classNames: ['cat', 'dog'], categoryIds: [3, 8], imbalance: {}},
  resume: await loadLatest(runDir, message => console.log(message)),
  onIteration: ({iteration}) => console.log(`iteration ${iteration}`),
  signal: interrupt.signal,
});
process.exitCode = interrupt.exitCode() ?? 0;
interrupt.stop();
