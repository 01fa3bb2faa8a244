/** Objects of an image as training sees them: which ones count, and where they lie in the batch. */
import {RunError} from '../errors.js';
import {MaskError} from '../masks/mask.js';
import type {Outline} from '../masks/outline.js';
import type {Targets} from './batch.js';
import type {Dataset, ImageRecord} from './dataset.js';
import {outlineInView} from './object-outline.js';
import type {Shape} from './polygon.js';
import type {Size} from './resize.js';
import type {ObjectLimits, View} from './view.js';

/** Which annotated objects are trained on, besides crowds, which never are: a data set answers it for its own. */
export type TargetOptions = Pick<Dataset, 'trainIgnored'> & {
  /** Whether the objects' outlines are wanted, for a mask head; every object must then have one. Default: no. */
  readonly masks?: boolean;
};

/**
 * The trainable objects of `record`, scaled to the view, mirrored with it, clipped to it and placed with it; outlines are not
 * clipped, nor placed. Crowds, boxes without area inside the image, and what the view's limits say, are left out.
 * @throws RunError when masks are asked for and an object has none, or one that cannot be drawn.
 */
export function imageTargets(
  record: ImageRecord,
  view: View,
  {trainIgnored = true, masks = false}: TargetOptions = {},
): Targets {
  const {boxes, classes, ignore, crowd} = record.groundTruth;
  // Decoded at every access.
  const shapes = masks ? (record.groundTruth.shapes ?? []) : [];
  const outlines: Outline[] = [];
  const {placement, limits} = view;
  const {left: offsetX, top: offsetY} = placement ?? {left: 0, top: 0};
  const minWidth = (limits?.minSide ?? 0) * (placement?.canvas ?? view).width;
  const minHeight = (limits?.minSide ?? 0) * (placement?.canvas ?? view).height;
  const scaleX = view.width / record.width;
  const scaleY = view.height / record.height;
  const keptBoxes: number[] = [];
  const keptClasses: number[] = [];
  for (let i = 0; i < classes.length; i++) {
    if (crowd[i] === 1 || (ignore[i] === 1 && !trainIgnored)) continue;
    const left = clamp(boxes[i * 4]! * scaleX, view.width);
    const top = clamp(boxes[i * 4 + 1]! * scaleY, view.height);
    const right = clamp(boxes[i * 4 + 2]! * scaleX, view.width);
    const bottom = clamp(boxes[i * 4 + 3]! * scaleY, view.height);
    // Not `right <= left`: that is false for NaN, and such a box must not reach the loss either.
    if (!(right > left && bottom > top)) continue;
    if (right - left < minWidth || bottom - top < minHeight) continue;
    const near = offsetX + (view.flip ? view.width - right : left);
    keptBoxes.push(near, offsetY + top, near + right - left, offsetY + bottom);
    keptClasses.push(classes[i]!);
    if (masks) outlines.push(trainableOutline(record, i, shapes[i], view));
  }
  const targets = {boxes: Float32Array.from(keptBoxes), classes: Int32Array.from(keptClasses)};
  if (masks) return {...targets, outlines};
  return limits === undefined ? targets : atMost(targets, limits);
}

/** All objects, or so many of them, drawn, in their order. */
function atMost({boxes, classes}: Targets, {maxObjects, random}: ObjectLimits): Targets {
  if (classes.length <= maxObjects) return {boxes, classes};
  const drawn = random().shuffle(Int32Array.from(classes.keys())).subarray(0, maxObjects).sort();
  return {
    boxes: Float32Array.from({length: 4 * maxObjects}, (_, i) => boxes[4 * drawn[i >> 2]! + (i & 3)]!),
    classes: drawn.map(object => classes[object]!),
  };
}

function trainableOutline(
  record: ImageRecord,
  object: number,
  shape: Shape | undefined,
  view: View,
): Outline {
  const fail = (problem: string) =>
    new RunError(
      `${record.path}: annotation ${record.groundTruth.ids[object]} ${problem}; give every object a mask or train on boxes only`,
    );
  if (shape === undefined || shape.kind === 'none') throw fail('has no mask');
  try {
    return outlineInView(shape, record, view);
  } catch (error) {
    throw error instanceof MaskError ? fail(`has no valid mask (${error.message})`) : error;
  }
}

/** The images that have anything to train on; the rest is left out of training, as in maskrcnn-benchmark. */
export function trainableImages(
  images: readonly ImageRecord[],
  options?: Omit<TargetOptions, 'masks'>,
): readonly ImageRecord[] {
  return images.filter(
    record => imageTargets(record, {...sizeOf(record), flip: false}, options).classes.length > 0,
  );
}

function sizeOf({width, height}: ImageRecord): Size {
  return {width, height};
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}
