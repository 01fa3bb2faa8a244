/** The mask branch of Mask R-CNN: He et al. 2017, Sec. 3. One mask a class; that of the box's class is trained and used. */
import * as tf from '@tensorflow/tfjs';
import type {MaskConfig, RoiLevelsConfig} from '../config/two-stage.js';
import type {Batch, ImageInfo} from '../data/batch.js';
import {gatherRows} from '../engine/ops/gather-rows.js';
import {maskHead} from '../heads/mask-head.js';
import type {ModelScope} from '../layers/convolution-layer.js';
import {binaryCrossEntropySum} from '../losses/binary-cross-entropy.js';
import type {Mask} from '../masks/mask.js';
import {maskTargets} from '../masks/mask-targets.js';
import {pasteMasks} from '../masks/paste.js';
import {toFilePixels} from './file-pixels.js';
import type {BatchDetections} from './roi-detections.js';
import {poolRois} from './roi-pooling.js';
import {gatherRois, joinRois, type LabelledRois, type Rois} from './rois.js';

export type MaskBranch = {
  /** Mean cross-entropy over the pixels of the foreground boxes' masks; 0 without any. */
  loss(levels: readonly tf.Tensor4D[], rois: LabelledRois, batch: Pick<Batch, 'targets'>): tf.Scalar;
  /** Masks of detections in the batch's pixels, at the size of their image files. */
  detect(
    levels: readonly tf.Tensor4D[],
    detections: readonly BatchDetections[],
    infos: readonly ImageInfo[],
  ): Promise<readonly (readonly Mask[])[]>;
};

export type MaskBranchOptions = {
  readonly inChannels: number;
  readonly classes: number;
  readonly levels: RoiLevelsConfig;
};

export function maskBranch(
  scope: ModelScope,
  config: MaskConfig,
  {inChannels, classes, levels: roiLevels}: MaskBranchOptions,
): MaskBranch {
  const head = maskHead(scope, config.head, {inChannels, classes});

  /** Logits of the given class of every box, [R, size, size]; call inside a tidy. */
  const logitsOf = (levels: readonly tf.Tensor4D[], rois: Rois, labels: Int32Array): tf.Tensor3D => {
    const all = head(poolRois(levels, rois, config.pooling, roiLevels));
    const [count, size] = all.shape;
    const pixels = size * size;
    const rows = new Int32Array(count * pixels);
    for (let i = 0; i < rows.length; i++) rows[i] = i * classes + labels[Math.floor(i / pixels)]! - 1;
    const column = tf.reshape(all, [all.size, 1]) as tf.Tensor2D;
    return tf.reshape(gatherRows(column, tf.tensor1d(rows, 'int32')), [count, size, size]);
  };

  return {
    loss(levels, rois, {targets}) {
      const foreground = gatherRois(
        rois,
        Int32Array.from(rois.labels.keys()).filter(row => rois.labels[row]! > 0),
      );
      if (foreground.labels.length === 0) return tf.scalar(0);
      return tf.tidy(() => {
        const logits = logitsOf(levels, foreground, foreground.labels);
        const target = maskTargets(
          targets.map(({outlines}) => outlines ?? noOutlines()),
          {boxes: foreground.boxes, images: foreground.imageOf, objects: foreground.objects},
          {size: logits.shape[1], targets: config.targets},
        );
        const sum = binaryCrossEntropySum(logits, tf.tensor3d(target, logits.shape));
        return tf.div<tf.Scalar>(sum, logits.size);
      });
    },

    async detect(levels, detections, infos) {
      const rois = joinRois(detections.map(({boxes}) => boxes));
      if (rois.imageOf.length === 0) return detections.map(() => []);
      const labels = Int32Array.from(detections.flatMap(({classes: ofImage}) => [...ofImage]));
      const probabilities = tf.tidy(() => tf.sigmoid(logitsOf(levels, rois, labels)));
      const size = probabilities.shape[1];
      const values = await probabilities.data<'float32'>();
      probabilities.dispose();
      let row = 0;
      return detections.map(({boxes}, image) => {
        const {originalHeight: height, originalWidth: width} = infos[image]!;
        const from = row;
        row += boxes.length / 4;
        return pasteMasks(
          values.subarray(from * size * size, row * size * size),
          toFilePixels(boxes, infos[image]!),
          {height, width},
          config,
        );
      });
    },
  };
}

function noOutlines(): never {
  throw new Error('a mask head is trained on batches with outlines: ask trainingBatches for masks');
}
