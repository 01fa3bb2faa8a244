import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import test from 'ava';
import {configHash} from '../../src/config/load.js';
import {buildDetector} from '../../src/detectors/build.js';
import {RunError, UsageError} from '../../src/errors.js';
import {Parameters} from '../../src/layers/parameters.js';
import {checkpointPath, saveCheckpoint} from '../../src/train/checkpoint.js';
import {loadInitialWeights, requireWeights, type WeightsTarget} from '../../src/train/initial-weights.js';
import {Sgd} from '../../src/train/sgd.js';
import {temporaryFolder} from '../temporary-folder.js';
import {darknetBytes} from '../weights/darknet-bytes.js';
import {smallYolo} from '../yolov3-config.js';
import {runConfig} from './run-config.js';

test.before(async () => {
  await tf.setBackend('cpu');
});

const config = runConfig();

/** Two filters and the logits of so many classes, all of them `value`; and what only one of the two models has. */
function model(value: number, classes: number, own = 'own'): Parameters {
  const parameters = new Parameters();
  parameters.create('stem.weight', 'weight', tf.fill([3, 2], value));
  parameters.create('stem.norm.running_var', 'state', tf.fill([2], value), false);
  parameters.create('head.class_logits.weight', 'weight', tf.fill([2, classes], value));
  parameters.create(`head.${own}`, 'bias', tf.fill([1], value));
  return parameters;
}

const target = (parameters: Parameters, classNames = ['cat', 'dog']): WeightsTarget => ({
  ...{model: config.model, parameters, classNames},
});

const firstValue = (parameters: Parameters, name: string): number =>
  parameters.get(name).variable.dataSync()[0]!;

/** Saves iteration 400 of a run. */
async function save(runDir: string, parameters: Parameters): Promise<string> {
  const optimizer = new Sgd(parameters, config.schedule);
  const path = checkpointPath(runDir, 400);
  const state = {
    ...{iteration: 400, seed: 0, config, configHash: configHash(config), imbalance: {}},
    ...{classNames: ['cat', 'dog'], categoryIds: [1, 2], trainingSeconds: 1},
    startedAt: '2020-04-01T10:00:00.000Z',
  };
  await saveCheckpoint(path, state, parameters, optimizer);
  optimizer.dispose();
  return path;
}

test.serial(
  'a run, or a checkpoint of it, gives what has the same name and shape, and says the rest',
  async t => {
    const before = tf.memory().numTensors;
    const runDir = await temporaryFolder(t);
    const saved = model(5, 2);
    const file = await save(runDir, saved);
    for (const path of [runDir, file]) {
      const parameters = model(1, 3, 'other');
      const {summary, kept} = await loadInitialWeights(
        path,
        target(parameters, ['cat', 'dog', 'eel']),
        t.fail,
      );
      t.is(kept, 2);
      t.is(
        summary,
        `weights of ${file} (iteration 400): 2 of 4 parameters; as initialised: ` +
          'head.class_logits.weight [2, 3] (there [2, 2]); head.other [1] (there absent)',
      );
      t.deepEqual(
        parameters.all.map(({name}) => firstValue(parameters, name)),
        [5, 5, 1, 1],
      );
      parameters.dispose();
    }
    const same = model(1, 2);
    t.is(
      (await loadInitialWeights(file, target(same), t.fail)).summary,
      `weights of ${file} (iteration 400): 4 of 4 parameters`,
    );
    same.dispose();
    saved.dispose();
    t.is(tf.memory().numTensors, before);
  },
);

test.serial(
  'a checkpoint of which nothing fits is an error, as is a folder without one, or nothing at all',
  async t => {
    const runDir = await temporaryFolder(t);
    const saved = model(5, 2);
    const path = await save(runDir, saved);
    const strange = new Parameters();
    strange.create('backbone.weight', 'weight', tf.zeros([1]));
    await t.throwsAsync(loadInitialWeights(path, target(strange), t.fail), {
      instanceOf: UsageError,
      message:
        /has no parameter of this model: backbone\.weight \[1\] \(there absent\); start from one of the same kind$/,
    });
    const empty = await temporaryFolder(t);
    await t.throwsAsync(loadInitialWeights(empty, target(strange), t.fail), {
      instanceOf: UsageError,
      message: /has no checkpoints to start from; is it the folder of a run\?$/,
    });
    await t.throwsAsync(requireWeights(join(empty, 'none.weights')), {
      instanceOf: UsageError,
      message: /^there are no weights at .*none\.weights; check the path$/,
    });
    strange.dispose();
    saved.dispose();
  },
);

test.serial('outputs of classes that are others, or in another order, stay as initialised', async t => {
  const runDir = await temporaryFolder(t);
  const saved = model(5, 2);
  const file = await save(runDir, saved);
  const parameters = model(1, 2);
  const {summary, kept} = await loadInitialWeights(file, target(parameters, ['dog', 'cat']), t.fail);
  t.is(kept, 1);
  t.is(
    summary,
    `weights of ${file} (iteration 400): 3 of 4 parameters; as initialised: ` +
      'head.class_logits.weight [2, 2] (there of the classes cat, dog)',
  );
  t.is(firstValue(parameters, 'stem.weight'), 5);
  t.is(firstValue(parameters, 'head.class_logits.weight'), 1);
  parameters.dispose();
  saved.dispose();
});

test.serial('boxes of a RoI-subnet and masks are of classes too, unless they are of all', async t => {
  const ofClasses = (value: number, deltas: number) => {
    const parameters = new Parameters();
    parameters.create('rpn.box_deltas.weight', 'weight', tf.fill([2, 8], value));
    parameters.create('roi.box_deltas.weight', 'weight', tf.fill([2, deltas], value));
    parameters.create('mask.logits.weight', 'weight', tf.fill([2, 2], value));
    return parameters;
  };
  for (const [deltas, kept] of [
    [8, 2],
    [4, 1],
  ] as const) {
    const saved = ofClasses(5, deltas);
    const file = await save(await temporaryFolder(t), saved);
    const parameters = ofClasses(1, deltas);
    t.is((await loadInitialWeights(file, target(parameters, ['dog', 'cat']), t.fail)).kept, kept);
    t.is(firstValue(parameters, 'rpn.box_deltas.weight'), 5);
    parameters.dispose();
    saved.dispose();
  }
});

test.serial(
  'classes that are asked of objects alone are not those that are asked of every prediction',
  async t => {
    const options = {classes: 2, seed: 1, imbalance: {dense: {examples: 1000, foreground: 2}}, inputStd: 57};
    const {parameters: saved} = buildDetector(smallYolo, options);
    const optimizer = new Sgd(saved, config.schedule);
    const path = checkpointPath(await temporaryFolder(t), 400);
    await saveCheckpoint(
      path,
      {
        ...{iteration: 400, seed: 0, config: {...config, model: smallYolo}, configHash: 'any', imbalance: {}},
        ...{classNames: ['cat', 'dog'], categoryIds: [1, 2], trainingSeconds: 1},
        startedAt: '2020-04-01T10:00:00.000Z',
      },
      saved,
      optimizer,
    );
    const withoutObjectness = {...smallYolo, objectness: null};
    const {parameters} = buildDetector(withoutObjectness, options);
    const given = {model: withoutObjectness, parameters, classNames: ['cat', 'dog']};
    const {summary, kept} = await loadInitialWeights(path, given, t.fail);
    t.is(kept, 6);
    t.regex(
      summary,
      /as initialised: head\.level_0\.class_logits\.weight .* \(there asked of objects alone\);/,
    );
    optimizer.dispose();
    parameters.dispose();
    saved.dispose();
  },
);

test.serial("darknet's weights: what was read, what keeps its values, and for which model", async t => {
  const path = join(await temporaryFolder(t), 'darknet53.conv.74');
  const {parameters} = buildDetector(smallYolo, {classes: 3, seed: 1, imbalance: {}, inputStd: 57});
  const backbone = parameters.all.filter(({name}) => name.startsWith('backbone.'));
  const count = backbone.reduce((sum, {variable}) => sum + variable.size, 0);
  await writeFile(path, darknetBytes(new Float32Array(count).fill(0.25), {seen: 12}));
  const yolo: WeightsTarget = {model: smallYolo, parameters, classNames: ['cat', 'dog', 'eel']};
  t.is(
    (await loadInitialWeights(path, yolo, t.fail)).summary,
    `weights of ${path} (darknet 0.2.0, 12 images seen): 10 of 33 convolutions, the backbone; the head as initialised`,
  );
  t.true(backbone.every(({variable}) => variable.dataSync().every(value => value === 0.25)));

  // Of two classes: a class less is a filter and a bias less of every anchor, two over 8 channels, one over 16, one over 32.
  const whole = parameters.all.reduce((sum, {variable}) => sum + variable.size, 0) - (2 * 9 + 17 + 33);
  await writeFile(path, darknetBytes(new Float32Array(whole).fill(0.5)));
  t.is(
    (await loadInitialWeights(path, yolo, t.fail)).summary,
    `weights of ${path} (darknet 0.2.0, 32013312 images seen): 33 of 33 convolutions; ` +
      'class logits as initialised: 2 classes there, 3 here',
  );
  await writeFile(path, darknetBytes(new Float32Array(whole - 1)));
  await t.throwsAsync(loadInitialWeights(path, yolo, t.fail), {
    instanceOf: RunError,
    message: /does not fit this model/,
  });
  await t.throwsAsync(loadInitialWeights(path, target(parameters), t.fail), {
    instanceOf: UsageError,
    message:
      /is taken for darknet's weights, which are for yolov3, and this model is retinanet; .*\.safetensors checkpoint$/,
  });
  parameters.dispose();
});
