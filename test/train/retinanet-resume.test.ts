import * as tf from '@tensorflow/tfjs';
import type {RunConfig} from '../../src/config/run.js';
import type {StageConfig} from '../../src/config/stage.js';
import type {Batch} from '../../src/data/batch.js';
import {retinanet} from '../../src/detectors/retinanet.js';
import {Random} from '../../src/random/random.js';
import {loadLatest} from '../../src/train/checkpoint.js';
import type {Checkpoint} from '../../src/train/checkpoint-file.js';
import {train} from '../../src/train/loop.js';
import {readMetrics} from '../../src/train/run-log.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {asRetinaNet} from '../retinanet-config.js';
import {temporaryFolder} from '../temporary-folder.js';
import {runConfig} from './run-config.js';

const test = testsOn(FAST_ENGINES);

const SIDE = 64;

/** Batch i: one noisy image with one object, both functions of i. */
async function* batches(startIteration: number): AsyncGenerator<Batch, void, void> {
  for (let iteration = startIteration; ; iteration++) {
    const random = new Random(11, 'batch', iteration);
    const pixels = Float32Array.from({length: SIDE * SIDE * 3}, () => random.normal());
    const [x, y] = [random.uniform(0, 24), random.uniform(0, 24)];
    const size = {height: SIDE, width: SIDE, originalHeight: SIDE, originalWidth: SIDE, scaleX: 1, scaleY: 1};
    yield {
      images: tf.tensor4d(pixels, [1, SIDE, SIDE, 3]),
      infos: [{imageId: iteration, ...size}],
      targets: [{boxes: Float32Array.of(x, y, x + 36, y + 36), classes: Int32Array.of(1 + random.int(2))}],
      iteration,
    };
  }
}

/** @param stopAfter interrupts after this iteration */
async function trainRetinaNet(
  runDir: string,
  config: RunConfig,
  resume?: Checkpoint,
  stopAfter = -1,
): Promise<void> {
  const detector = retinanet(asRetinaNet(config.model), {
    classes: 2,
    seed: config.seed,
    imbalance: {},
    inputStd: 1,
  });
  const controller = new AbortController();
  await train({
    ...{config, detector, batches, runDir, resume, signal: controller.signal},
    description: {configYaml: '', environment: {}, engine: 'cpu'},
    trainingSet: {classNames: ['a', 'b'], categoryIds: [1, 2], imbalance: {}},
    onIteration: ({iteration}) => {
      if (iteration === stopAfter) controller.abort();
    },
  });
  detector.parameters.dispose();
}

const STAGES: readonly (readonly [what: string, stage: Partial<StageConfig>])[] = [
  ['that samples', {sampler: {kind: 'minibatch-biased', n: 64, fraction: 0.5}, lossScaling: {kind: 'none'}}],
  [
    'with the running sums of GHM',
    {
      classificationLoss: {kind: 'ghm-c', bins: 30, momentum: 0.75},
      boxLoss: {kind: 'ghm-r', mu: 0.02, bins: 10, momentum: 0.7, weight: 10},
      lossScaling: {kind: 'none'},
    },
  ],
];

for (const [what, stage] of STAGES)
  test(`RetinaNet ${what} continues bit for bit, and leaves no tensor behind`, async t => {
    const {model: detector, ...run} = runConfig({iterations: 3, baseLr: 0.01});
    const model = asRetinaNet(detector);
    const config = {...run, model: {...model, stages: {dense: {...model.stages.dense, ...stage}}}};
    const [whole, halves] = [await temporaryFolder(t), await temporaryFolder(t)];
    const before = tf.memory().numTensors;
    await trainRetinaNet(whole, config);
    await trainRetinaNet(halves, config, undefined, 1);
    await trainRetinaNet(halves, config, await loadLatest(halves, t.fail));
    t.is(tf.memory().numTensors, before);

    const [expected, actual] = [await loadLatest(whole, t.fail), await loadLatest(halves, t.fail)];
    t.is(actual?.state.iteration, 3);
    t.deepEqual(actual?.parameters, expected?.parameters);
    t.deepEqual(actual?.velocities, expected?.velocities);
    const curve = async (runDir: string) =>
      (await readMetrics(runDir)).map(({iteration, stages, gradNorm}) => ({iteration, stages, gradNorm}));
    t.deepEqual(await curve(halves), await curve(whole));
    t.is((await curve(whole)).length, 3);
    const sums = [...(actual?.parameters ?? [])].filter(([name]) => name.endsWith('bin_sums'));
    t.is(sums.length, what === 'that samples' ? 0 : 2);
    for (const [, {values}] of sums) t.true(values.some(sum => Number(sum) > 0));
  });
