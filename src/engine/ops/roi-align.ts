/**
 * RoIAlign (He et al., "Mask R-CNN", Sec. 3): features of boxes, on a grid of bins. The arithmetic is torchvision's
 * roi_align, with the features of all pyramid levels in one call (Lin et al., "Feature pyramid networks", Sec. 4.2).
 *
 * Differentiable with respect to the features; boxes, images and levels are constants. The gradient does not depend on
 * the number of threads.
 */
import * as tf from '@tensorflow/tfjs';
import {type RoiMap, type RoiSamples, roiSamples} from '../host/roi-samples.js';
import {registerComposite, runKernel} from './composite.js';
import {multiplySparse, multiplySparseTransposed, type SparseRows} from './sparse-rows.js';

export type RoiAlignOptions = {
  /** Bins a box. */
  readonly outputSize: readonly [height: number, width: number];
  /** Points a bin and axis; 0: as many as a bin has pixels on its map, rounded up. */
  readonly samplingRatio: number;
  /** True: pixel centres are half-integer. False, as before Detectron2: whole, and boxes have sides of a pixel at least. */
  readonly aligned: boolean;
};

export type RoiAlignLevel = {
  readonly features: tf.Tensor4D; // [B, H, W, C]
  /** Pixels of the map per pixel of the image: 1 / stride. */
  readonly spatialScale: number;
};

type Grid = {outputHeight: number; outputWidth: number; samplingRatio: number; aligned: boolean};
/** B, H, W, C of every level in one list. */
export type RoiAlignAttributes = Grid & {shapes: number[]; scales: number[]};
export type RoiAlignGradientAttributes = RoiAlignAttributes & {of: number};

/**
 * Features of boxes on one map.
 *
 * A box may reach over the border: up to one pixel outside of the map the border's value counts, farther out 0. A box
 * with a coordinate that is not finite has NaN features and gives no gradient.
 *
 * @param features float32 [B, H, W, C]
 * @param rois float32 [R, 4], XYXY in pixels of the image; R may be 0
 * @param imageIndex int32 [R], 0 .. B - 1: the image of each box
 * @returns [R, h, w, C]
 * @throws Error when shapes, dtypes or options do not fit, or there is no such image (on a GPU, where asking costs a
 *   wait, the features of such a box are NaN)
 */
export function roiAlign(
  features: tf.Tensor4D,
  rois: tf.Tensor2D,
  imageIndex: tf.Tensor1D,
  options: RoiAlignOptions & {readonly spatialScale: number},
): tf.Tensor4D {
  const level = tf.zeros([rois.shape[0]], 'int32') as tf.Tensor1D;
  const y = pyramidRoiAlign(
    [{features, spatialScale: options.spatialScale}],
    rois,
    imageIndex,
    level,
    options,
  );
  level.dispose();
  return y;
}

/**
 * Features of boxes, each from the map of its pyramid level (`roiLevels` of src/boxes).
 *
 * @param levels maps of the same B and C
 * @param level int32 [R], index into `levels`
 * @returns [R, h, w, C], in the order of the boxes
 * @throws Error as `roiAlign`, also for a level that is not there
 */
export function pyramidRoiAlign(
  levels: readonly RoiAlignLevel[],
  rois: tf.Tensor2D,
  imageIndex: tf.Tensor1D,
  level: tf.Tensor1D,
  options: RoiAlignOptions,
): tf.Tensor4D {
  const {outputSize, samplingRatio, aligned} = options;
  const [outputHeight, outputWidth] = outputSize;
  assertInputs(levels, rois, imageIndex, level);
  if (![outputHeight, outputWidth].every(size => Number.isSafeInteger(size) && size > 0)) {
    throw new Error(`roiAlign: an output of ${outputHeight} x ${outputWidth} bins is no size`);
  }
  if (!(Number.isSafeInteger(samplingRatio) && samplingRatio >= 0)) {
    throw new Error(`roiAlign: the sampling ratio must be a whole number, not ${samplingRatio}`);
  }
  return runKernel<tf.Tensor4D>(
    'SfRoiAlign',
    {
      ...Object.fromEntries(levels.map(({features}, i) => [featuresName(i), features])),
      rois,
      imageIndex,
      level,
    },
    {
      outputHeight,
      outputWidth,
      samplingRatio,
      aligned,
      shapes: levels.flatMap(({features}) => features.shape),
      scales: levels.map(({spatialScale}) => spatialScale),
    } satisfies RoiAlignAttributes,
  );
}

/** Name of a level's features among the inputs of the kernel. */
export const featuresName = (level: number): string => `features${level}`;

function assertInputs(
  levels: readonly RoiAlignLevel[],
  rois: tf.Tensor2D,
  imageIndex: tf.Tensor1D,
  level: tf.Tensor1D,
): void {
  const [first] = levels;
  if (first === undefined) throw new Error('roiAlign: there are no features');
  const [images, , , channels] = first.features.shape;
  for (const [i, {features, spatialScale}] of levels.entries()) {
    const [b, height, width, c] = features.shape;
    if (features.dtype !== 'float32')
      throw new Error(`roiAlign: features must be float32, not ${features.dtype}`);
    if (b !== images || c !== channels || height === 0 || width === 0) {
      throw new Error(
        `roiAlign: features of level ${i} are ${features.shape}, those of level 0 ${first.features.shape}`,
      );
    }
    if (!(spatialScale > 0 && Number.isFinite(spatialScale))) {
      throw new Error(`roiAlign: the spatial scale must be positive, not ${spatialScale}`);
    }
  }
  const [count] = rois.shape;
  tf.util.assertShapesMatch(rois.shape, [count, 4], 'roiAlign: rois ');
  tf.util.assertShapesMatch(imageIndex.shape, [count], 'roiAlign: imageIndex and rois ');
  tf.util.assertShapesMatch(level.shape, [count], 'roiAlign: level and rois ');
  if (rois.dtype !== 'float32') throw new Error(`roiAlign: rois must be float32, not ${rois.dtype}`);
  for (const [name, {dtype}] of Object.entries({imageIndex, level})) {
    if (dtype !== 'int32') throw new Error(`roiAlign: ${name} must be int32, not ${dtype}`);
  }
}

tf.registerGradient({
  kernelName: 'SfRoiAlign',
  inputsToSave: ['rois', 'imageIndex', 'level'],
  gradFunc: (dy, saved, attributes) => {
    const [rois, imageIndex, level] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    const gradient = (of: number) => () =>
      runKernel<tf.Tensor>(
        'SfRoiAlignGrad',
        {dy: dy as tf.Tensor, rois, imageIndex, level},
        {...attributes, of},
      );
    const levels = (attributes as RoiAlignAttributes).scales;
    return Object.fromEntries(levels.map((_, i) => [featuresName(i), gradient(i)]));
  },
});

/** The bins of all boxes as a sparse matrix over the pixels of their levels. */
function binsOf(inputs: tf.NamedTensorMap, attributes: RoiAlignAttributes): SparseRows {
  const level = inputs.level!.dataSync<'int32'>();
  const maps = attributes.scales.map((scale, i): RoiMap => {
    const [height, width] = attributes.shapes.slice(4 * i + 1, 4 * i + 3) as [number, number];
    return {height, width, scale};
  });
  const {starts, pixels, weights}: RoiSamples = roiSamples(
    inputs.rois!.dataSync<'float32'>(),
    inputs.imageIndex!.dataSync<'int32'>(),
    level,
    attributes.shapes[0]!,
    maps,
    attributes,
  );
  const bins = attributes.outputHeight * attributes.outputWidth;
  const sources = Int32Array.from({length: level.length * bins}, (_, bin) => level[Math.floor(bin / bins)]!);
  return {sources, starts, columns: pixels, weights};
}

registerComposite<RoiAlignAttributes>('SfRoiAlign', (inputs, attributes) => {
  const {outputHeight, outputWidth, scales} = attributes;
  const channels = attributes.shapes[3]!;
  const count = inputs.rois!.shape[0]!;
  const features = scales.map((_, i) => tf.reshape(inputs[featuresName(i)]!, [-1, channels]) as tf.Tensor2D);
  const y = multiplySparse(binsOf(inputs, attributes), features);
  return tf.reshape(y, [count, outputHeight, outputWidth, channels]);
});

registerComposite<RoiAlignGradientAttributes>('SfRoiAlignGrad', (inputs, attributes) => {
  const {of, shapes} = attributes;
  const shape = shapes.slice(4 * of, 4 * of + 4) as [number, number, number, number];
  const [images, height, width, channels] = shape;
  const bins = binsOf(inputs, attributes);
  const dy = tf.reshape(inputs.dy!, [bins.sources.length, channels]) as tf.Tensor2D;
  const dx = multiplySparseTransposed(bins, dy, {source: of, rows: images * height * width});
  return tf.reshape(dx, shape);
});
