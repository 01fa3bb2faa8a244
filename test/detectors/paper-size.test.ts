import {join} from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {loadRunConfig} from '../../src/config/load.js';
import type {Batch} from '../../src/data/batch.js';
import {trainingBatches} from '../../src/data/batches.js';
import {loadCoco} from '../../src/data/coco.js';
import {inputStd} from '../../src/detectors/build.js';
import {retinanet} from '../../src/detectors/retinanet.js';
import {initialCrossEntropyLoss, initialFocalLoss} from '../../src/sampling-free/initial-loss.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {asRetinaNet} from '../retinanet-config.js';

const test = testsOn(FAST_ENGINES);

const data = process.env.SF_TEST_DATA;

async function firstBatch(): Promise<{batch: Batch; classes: number}> {
  const folder = join(data!, 'coco-sample');
  const dataset = await loadCoco({
    annotations: join(folder, 'annotations', 'instances.json'),
    images: join(folder, 'images'),
    name: 'coco-sample',
  });
  const {config} = await loadRunConfig('retinanet_R_50_FPN_1x', {overrides: []});
  for await (const batch of trainingBatches(dataset, {input: config.input, imagesPerBatch: 1, seed: 0})) {
    return {batch, classes: dataset.classNames.length};
  }
  throw new Error('no batch');
}

test('at 800/1333 on a photograph, R-50-FPN starts with the losses of Eq. 3 and 4', async t => {
  if (data === undefined) {
    t.log('skipped: SF_TEST_DATA is not set');
    t.pass();
    return;
  }
  const {batch, classes} = await firstBatch();
  const [, height, width] = batch.images.shape;
  t.true(Math.min(height, width) >= 800);
  for (const name of ['retinanet_R_50_FPN_1x', 'retinanet_R_50_FPN_1x_sampling-free']) {
    const {config} = await loadRunConfig(name, {overrides: []});
    const model = asRetinaNet(config.model);
    const {classificationLoss} = model.stages.dense;
    // The authors' N and N_f of COCO train2017, up to a factor: N / N_f = 1122.6.
    const imbalance = {dense: {examples: 1122.6, foreground: 1}};
    const detector = retinanet(model, {classes, seed: 0, imbalance, inputStd: inputStd(config.input)});
    const {measured, ratio} = tf.tidy(() => {
      const {classification, examples, foreground} = detector.losses(batch).dense!;
      return {measured: classification.dataSync()[0]!, ratio: examples / foreground};
    });
    const expected =
      classificationLoss.kind === 'focal'
        ? initialFocalLoss({pi: 0.01, ratio, classes, alpha: 0.25, gamma: 2})
        : initialCrossEntropyLoss({pi: 1 / (1122.6 * classes), ratio, classes, w: 1});
    t.log(
      `${name}: ${width}x${height}, N / N_f ${ratio.toFixed(1)}, ${measured} measured, ${expected} by the equation`,
    );
    t.true(Math.abs(measured / expected - 1) < 0.02);
    detector.parameters.dispose();
  }
  batch.images.dispose();
});
