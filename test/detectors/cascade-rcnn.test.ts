/** Cascade R-CNN: what each subnet is trained on and says, with heads whose answers are set by hand. */
import * as tf from '@tensorflow/tfjs';
import type {LossScaling} from '../../src/config/stage.js';
import type {CascadeRcnnConfig} from '../../src/config/two-stage.js';
import type {Batch} from '../../src/data/batch.js';
import {cascadeRcnn} from '../../src/detectors/cascade-rcnn.js';
import type {Detector} from '../../src/detectors/detector.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {near} from '../near.js';
import {detectorOptions, type SmallObject, smallBatch, smallCascade} from './small-rcnn.js';

const test = testsOn(FAST_ENGINES);

/** Answers of a subnet, the same for every box. */
type Answers = {readonly logits: readonly number[]; readonly deltas: readonly number[]};

/** A cascade whose RPN finds every anchor equally likely and right as it is, and whose subnets give these answers. */
function cascadeOf(config: CascadeRcnnConfig, answers: readonly Answers[]): Detector {
  const detector = cascadeRcnn(config, detectorOptions);
  const assign = (name: string, values: readonly number[] | undefined) => {
    const {variable} = detector.parameters.get(name);
    tf.tidy(() => variable.assign(values === undefined ? tf.zerosLike(variable) : tf.tensor([...values])));
  };
  for (const name of ['rpn.objectness', 'rpn.box_deltas']) assign(`${name}.weight`, undefined);
  for (const [index, {logits, deltas}] of answers.entries()) {
    for (const name of ['class_logits', 'box_deltas']) assign(`roi.${index}.${name}.weight`, undefined);
    assign(`roi.${index}.class_logits.bias`, logits);
    assign(`roi.${index}.box_deltas.bias`, deltas);
  }
  return detector;
}

/** Trained on objects alone: an objectness of 0.5 passes no threshold of 0.9. */
const onObjects = (lossScaling: LossScaling = {kind: 'none'}): CascadeRcnnConfig => ({
  ...smallCascade,
  stages: {
    rpn: {...smallCascade.stages.rpn, scoreThreshold: {kind: 'fixed', theta: 0.9}},
    roi: {...smallCascade.stages.roi, lossScaling},
  },
});

/** Logits of probabilities. */
const logs = (...probabilities: number[]) => probabilities.map(Math.log);

const ONE: readonly SmallObject[] = [[[8, 12, 40, 44], 2]];

/** Numbers of stage `roi`. */
function roiLosses(detector: Detector, batch: Batch) {
  return tf.tidy(() => {
    const {roi} = detector.losses(batch);
    const value = (name: 'classification' | 'box' | 'w' | 'total') => roi![name].dataSync()[0]!;
    const {examples, foreground} = roi!;
    return {
      ...{classification: value('classification'), box: value('box'), w: value('w'), total: value('total')},
      ...{examples, foreground},
    };
  });
}

/**
 * The object itself is foreground of the first subnet, which moves it by a fifth of its width: to an IoU of 0.8 / 1.2. That is
 * foreground for the second, which leaves it there, and background for the third.
 */
const ONE_OUT: readonly Answers[] = [
  {logits: logs(0.25, 0.25, 0.4, 0.1), deltas: [10 * 0.2, 0, 0, 0]},
  {logits: logs(0.25, 0.25, 0.3, 0.2), deltas: [0, 0, 0, 0]},
  {logits: logs(0.6, 0.1, 0.2, 0.1), deltas: [1, 2, 3, 4]},
];

test('losses are the sums over the subnets of what each costs on the boxes of the one before', t => {
  const detector = cascadeOf(onObjects(), ONE_OUT);
  const batch = smallBatch([ONE]);
  const {classification, box, w, total, examples, foreground} = roiLosses(detector, batch);
  near(t, [classification], [-Math.log(0.4) - Math.log(0.3) - Math.log(0.6)]);
  // Smooth L1 of 2 - 0, and of 0 - 20 * -0.2; no box loss for background.
  near(t, [box], [1.5 + 3.5]);
  t.is(w, 1);
  near(t, [total], [classification + box]);
  t.deepEqual([examples, foreground], [3, 2]);
  batch.images.dispose();
  detector.parameters.dispose();
});

test('one w scales the summed classification losses: the gain times the ratio of the sums', t => {
  const detector = cascadeOf(onObjects({kind: 'guided', gain: 2}), ONE_OUT);
  const batch = smallBatch([ONE]);
  const {classification, box, w, total} = roiLosses(detector, batch);
  near(t, [classification], [-Math.log(0.4) - Math.log(0.3) - Math.log(0.6)]);
  near(t, [box], [5]);
  near(t, [w], [(2 * 5) / classification]);
  near(t, [total], [5 + 2 * 5]);
  batch.images.dispose();
  detector.parameters.dispose();
});

test('every subnet is normalised by the boxes that it sees, which are fewer where one has left its image', t => {
  // Half a width to the right: 0, 8, 16, 24 stays whole, 40, 40, 64, 64 goes to 52..76, cut to 64; both lose their IoU.
  // A width and a half: the second leaves the image, on the far side of 64.
  for (const [widths, kept] of [
    [0.5, 2],
    [1.5, 1],
    [5, 0],
  ] as const) {
    const answers = ONE_OUT.map(({logits}, index) => ({
      logits,
      deltas: index === 0 ? [10 * widths, 0, 0, 0] : [0, 0, 0, 0],
    }));
    const detector = cascadeOf(onObjects(), answers);
    const batch = smallBatch([[[[0, 8, 16, 24], 2]], [[[40, 40, 64, 64], 1]]]);
    const {classification, box, examples, foreground} = roiLosses(detector, batch);
    t.deepEqual([examples, foreground], [2 + 2 * kept, 2]);
    const first = -(Math.log(0.4) + Math.log(0.25)) / 2;
    near(t, [classification], [kept === 0 ? first : first - Math.log(0.25) - Math.log(0.6)]);
    near(t, [box], [10 * widths - 0.5]);
    batch.images.dispose();
    detector.parameters.dispose();
  }
});

/** One proposal of every image: the first anchor, -8, -8, 8, 8, cut to its image. */
const oneProposal = (count = 1): CascadeRcnnConfig => ({
  ...smallCascade,
  rpn: {
    ...smallCascade.rpn,
    anchors: {...smallCascade.rpn.anchors, aspectRatios: [1]},
    proposals: {...smallCascade.rpn.proposals, inference: {preNmsTopK: 20, postNmsTopK: count}},
  },
});

test('detections have the mean probability of the subnets and the box of the last, in pixels of the file', async t => {
  const detector = cascadeOf(oneProposal(), [
    {logits: logs(0.6, 0.3, 0.04, 0.06), deltas: [10, 0, 0, 0]}, // 8, 0, 16, 8
    {logits: logs(0.3, 0.6, 0.04, 0.06), deltas: [0, 20, 0, 0]}, // 8, 8, 16, 16
    {logits: logs(0.18, 0.6, 0.04, 0.18), deltas: [0, 0, 15 * Math.log(2), 0]}, // 4, 8, 20, 16
  ]);
  const batch = smallBatch([[], ONE]);
  const found = await detector.detect(batch);
  t.is(found.length, 2);
  // 0.04 is below the threshold of 0.05. The files are of twice the size.
  for (const {boxes, scores, classes} of found) {
    t.deepEqual([...classes], [1, 3]);
    near(t, scores, [0.5, 0.1]);
    near(t, boxes, [8, 16, 40, 32, 8, 16, 40, 32]);
  }
  batch.images.dispose();
  detector.parameters.dispose();
});

test('in detection a box that has left its image takes nothing from the others', async t => {
  // Proposals of the first row of P2 that suppression leaves: x from 0 to 8, 0 to 12 and 4 to 20.
  const still = {logits: logs(0.2, 0.8, 1e-6, 1e-6), deltas: [0, 0, 0, 0]};
  const detector = cascadeOf(oneProposal(3), [{...still, deltas: [-10, 0, 0, 0]}, still, still]);
  const batch = smallBatch([[]]);
  const [found] = await detector.detect(batch);
  // A width to the left leaves 0 to 4 of the last one, and of its 8 rows all.
  near(t, found!.boxes, [0, 0, 8, 16]);
  near(t, found!.scores, [0.8]);
  batch.images.dispose();
  detector.parameters.dispose();
});
