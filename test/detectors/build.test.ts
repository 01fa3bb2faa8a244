import * as tf from '@tensorflow/tfjs';
import type {ModelConfig} from '../../src/config/run.js';
import {buildDetector} from '../../src/detectors/build.js';
import type {StageLosses} from '../../src/detectors/detector.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {
  detectorOptions,
  guided,
  type SmallObject,
  smallBatch,
  smallCascade,
  smallCascadeWithMasks,
  smallFaster,
  smallMask,
} from './small-rcnn.js';

const test = testsOn(FAST_ENGINES);

const OHEM = {kind: 'ohem', n: 16, fraction: 0.25} as const;

const MODELS: readonly ModelConfig[] = [
  smallFaster,
  smallMask,
  smallCascade,
  smallCascadeWithMasks,
  {...smallMask, stages: {...smallMask.stages, roi: {...smallMask.stages.roi, ...guided}}},
  {...smallFaster, stages: {...smallFaster.stages, roi: {...smallFaster.stages.roi, sampler: OHEM}}},
];

const ONE: readonly SmallObject[] = [[[8, 12, 40, 44], 2]];

const tensorsOf = ({classification, box, mask, total, w}: StageLosses) =>
  [classification, box, total, w, ...(mask === undefined ? [] : [mask])].map(({id}) => id);

test('losses leave the tensors that they return and no other, with a gradient around them or without', t => {
  for (const model of MODELS) {
    const detector = buildDetector(model, detectorOptions);
    const batch = smallBatch([ONE, []]);
    const before = tf.memory().numTensors;
    const losses = detector.losses(batch);
    const returned = Object.values(losses).flatMap(tensorsOf);
    t.is(tf.memory().numTensors - before, new Set(returned).size, model.kind);
    const alone = Object.values(losses).map(({total}) => total.dataSync()[0]!);
    tf.dispose(losses);
    t.is(tf.memory().numTensors, before, model.kind);

    const {value, grads} = tf.variableGrads(
      () => tf.addN(Object.values(detector.losses(batch)).map(({total}) => total)) as tf.Scalar,
      detector.parameters.trainable.map(({variable}) => variable),
    );
    t.true(Math.abs(value.dataSync()[0]! - alone.reduce((sum, loss) => sum + loss)) < 1e-5);
    tf.dispose([value, grads]);
    t.is(tf.memory().numTensors, before, model.kind);
    tf.dispose(batch.images);
    detector.parameters.dispose();
  }
});
