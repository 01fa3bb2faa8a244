/**
 * One RoI-subnet: classifies boxes and refines them. Girshick, "Fast R-CNN", Sec. 2.3; the six fields of stage `roi` decide
 * which boxes it is trained on and how its two losses are weighed. R boxes, P of them foreground, C classes.
 */
import * as tf from '@tensorflow/tfjs';
import {gatherBoxes} from '../boxes/box.js';
import {decodeDeltas} from '../boxes/decode-deltas.js';
import type {BoxCoderConfig, MatcherConfig} from '../config/network.js';
import type {StageConfig} from '../config/stage.js';
import type {PoolingConfig, RoiConfig, RoiLevelsConfig} from '../config/two-stage.js';
import type {Batch} from '../data/batch.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import {noGrad} from '../engine/ops/no-grad.js';
import {type BoxPredictions, boxHead} from '../heads/box-head.js';
import type {ModelScope} from '../layers/convolution-layer.js';
import {scaleGradient} from '../layers/scale-gradient.js';
import {boxLoss} from '../losses/box-loss.js';
import {softmaxCrossEntropies, softmaxCrossEntropySum} from '../losses/softmax-cross-entropy.js';
import type {RoiOutputs} from './roi-detections.js';
import {poolRois} from './roi-pooling.js';
import {boxTargets, imageStarts, type LabelledRois, type Rois} from './rois.js';
import {type ExampleCounts, type LossSums, remember} from './stage.js';

export type RoiSubnetConfig = {
  readonly pooling: PoolingConfig;
  readonly levels: RoiLevelsConfig;
  readonly head: RoiConfig['head'];
  readonly classAgnostic: boolean;
  readonly matcher: MatcherConfig;
  readonly boxCoder: BoxCoderConfig;
  readonly boxLoss: StageConfig['boxLoss'];
};

export type RoiSubnet = {
  /** @param gradientScale multiplies the gradient that goes into the levels; default 1 */
  predict(levels: readonly tf.Tensor4D[], rois: Rois, gradientScale?: number): BoxPredictions;
  /** Sums over the boxes, not normalised. */
  lossSums(
    predictions: BoxPredictions,
    rois: LabelledRois,
    batch: Pick<Batch, 'targets'>,
  ): {readonly sums: LossSums; readonly counts: ExampleCounts};
};

export function roiSubnet(
  scope: ModelScope,
  name: string,
  config: RoiSubnetConfig,
  {inChannels, classes}: {readonly inChannels: number; readonly classes: number},
): RoiSubnet {
  const head = boxHead(scope, name, config.head, {
    inChannels,
    poolSize: config.pooling.size,
    classes,
    classAgnostic: config.classAgnostic,
  });
  const boxSum = boxLoss(config.boxLoss, remember(scope, `${name}.box_loss`));

  return {
    predict: (levels, rois, gradientScale = 1) =>
      tf.tidy(() => {
        const pooled = poolRois(levels, rois, config.pooling, config.levels);
        return head(gradientScale === 1 ? pooled : scaleGradient(pooled, gradientScale));
      }),

    lossSums({logits, deltas}, rois, {targets}) {
      const {foreground, boxes, deltas: target} = boxTargets(rois, targets, config.boxCoder.weights);
      const trained = rois.labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
      const classification = tf.tidy(() =>
        softmaxCrossEntropySum(
          logits,
          tf.tensor1d(rois.labels, 'int32'),
          tf.tensor1d(Float32Array.from(rois.labels, label => (label >= 0 ? 1 : 0))),
        ),
      );
      const box = tf.tidy(() => {
        const columns = config.classAgnostic ? 1 : classes;
        const rows = foreground.map(row =>
          config.classAgnostic ? row : row * columns + rois.labels[row]! - 1,
        );
        const predicted = gatherRows(tf.reshape(deltas, [-1, 4]) as tf.Tensor2D, tf.tensor1d(rows, 'int32'));
        return boxSum({
          predicted,
          target,
          boxes,
          decode: ofForeground =>
            decodeDeltas(ofForeground, gatherBoxes(rois.boxes, foreground), config.boxCoder.weights),
          level: new Int32Array(foreground.length),
          levels: 1,
        });
      });
      const counts = {examples: trained, foreground: foreground.length, images: targets.length};
      return {sums: {classification, box}, counts};
    },
  };
}

/**
 * Classification loss of every box on the host, as a constant: what OHEM ranks by. [R]
 */
export function readRoiLosses(
  subnet: RoiSubnet,
  levels: readonly tf.Tensor4D[],
  rois: LabelledRois,
): Float32Array {
  const rows = noGrad<tf.Tensor1D>(() =>
    tf.tidy(() =>
      softmaxCrossEntropies(subnet.predict(levels, rois).logits, tf.tensor1d(rois.labels, 'int32')),
    ),
  );
  const losses = rows.dataSync<'float32'>();
  rows.dispose();
  return losses;
}

/** Probabilities and deltas of the boxes of every image, read by the host. The predictions stay the caller's. */
export async function readOutputs(
  predictions: BoxPredictions,
  rois: Rois,
  images: number,
): Promise<readonly RoiOutputs[]> {
  const probabilities = probabilitiesOf(predictions);
  const [probabilityValues, deltaValues] = await Promise.all([
    probabilities.data<'float32'>(),
    predictions.deltas.data<'float32'>(),
  ]);
  probabilities.dispose();
  return splitByImage(rois, images, probabilityValues, deltaValues);
}

/** The same at once, for the boxes that the next subnet of a cascade is trained on: constants. */
export function readOutputsSync(
  predictions: BoxPredictions,
  rois: Rois,
  images: number,
): readonly RoiOutputs[] {
  const probabilities = noGrad<tf.Tensor2D>(() => probabilitiesOf(predictions));
  const outputs = splitByImage(
    rois,
    images,
    probabilities.dataSync<'float32'>(),
    predictions.deltas.dataSync<'float32'>(),
  );
  probabilities.dispose();
  return outputs;
}

const probabilitiesOf = ({logits}: BoxPredictions): tf.Tensor2D =>
  logits.shape[0] === 0 ? tf.clone(logits) : tf.softmax(logits);

function splitByImage(
  rois: Rois,
  images: number,
  probabilities: Float32Array,
  deltas: Float32Array,
): readonly RoiOutputs[] {
  const count = Math.max(1, rois.imageOf.length);
  const columns = probabilities.length / count;
  const deltaColumns = deltas.length / count;
  const starts = imageStarts(rois, images);
  return Array.from({length: images}, (_, image) => {
    const [from, to] = [starts[image]!, starts[image + 1]!];
    return {
      boxes: rois.boxes.subarray(4 * from, 4 * to),
      probabilities: probabilities.subarray(columns * from, columns * to),
      deltas: deltas.subarray(deltaColumns * from, deltaColumns * to),
    };
  });
}
