/**
 * What a mask head is to predict for a proposal (He et al., "Mask R-CNN", Sec. 3): the object's mask within the
 * proposal's box, on a grid of size x size bins. `rasterise` draws the outline in that grid (maskrcnn-benchmark,
 * detectron2), `roi-align` averages the mask of the whole image over every bin (torchvision).
 */
import type {MaskConfig} from '../config/two-stage.js';
import type {Mask} from './mask.js';
import {maskRoiAlign} from './mask-roi-align.js';
import type {Outline} from './outline.js';
import {polygonsMask} from './rasterize.js';

export type MaskTargetConfig = Pick<MaskConfig, 'targets'> & {
  /** Bins a side, as the head predicts them. */
  readonly size: number;
};

/** Proposals of a batch that an object is learned from. P proposals. */
export type MaskProposals = {
  readonly boxes: Float32Array; // [P, 4] XYXY in pixels of the batch
  readonly images: Int32Array; // [P] position in the batch
  readonly objects: Int32Array; // [P] position among the image's objects
};

/** Narrower boxes are drawn as if they had a pixel, as in maskrcnn-benchmark (detectron2: a tenth). */
const MIN_SIDE = 1;

/** Share of a bin that an object given as a mask must cover to fill it, as in detectron2. */
const HALF = 0.5;

/**
 * Targets of all proposals, [P, size, size] row by row. `rasterise` gives 0 and 1: polygons by COCO's rule in the bins;
 * of objects given as masks what covers half a bin or more, by RoIAlign with half-pixel centres. `roi-align` gives
 * 0..1, without half-pixel centres; polygons are drawn at the size of the image first. A box that is not finite has NaN.
 * @param outlines [B][G] of every image's objects
 * @throws RangeError for an image or an object that is not there.
 */
export function maskTargets(
  outlines: readonly (readonly Outline[])[],
  {boxes, images, objects}: MaskProposals,
  {size, targets}: MaskTargetConfig,
): Float32Array {
  const bins = new Float32Array(images.length * size * size);
  const drawn = new Map<Outline, Mask>();
  for (let p = 0; p < images.length; p++) {
    const outline = outlines[images[p]!]?.[objects[p]!];
    if (outline === undefined) {
      throw new RangeError(
        `proposal ${p} is of object ${objects[p]} in image ${images[p]}, which has no outline`,
      );
    }
    const box = boxes.subarray(4 * p, 4 * p + 4);
    const at = p * size * size;
    switch (targets) {
      case 'rasterise':
        rasterise(outline, box, size, bins, at);
        break;
      case 'roi-align': {
        // Many proposals share an object, whose mask is drawn once.
        const mask = drawn.get(outline) ?? wholeMask(outline);
        drawn.set(outline, mask);
        maskRoiAlign(mask, box, size, false, bins, at);
      }
    }
  }
  return bins;
}

/** The target of one box, [size, size], as `maskTargets` gives it. */
export function maskTarget(outline: Outline, box: ArrayLike<number>, config: MaskTargetConfig): Float32Array {
  const proposal = {boxes: Float32Array.from(box), images: Int32Array.of(0), objects: Int32Array.of(0)};
  return maskTargets([[outline]], proposal, config);
}

/** The object's mask on the whole image. */
function wholeMask(outline: Outline): Mask {
  switch (outline.kind) {
    case 'polygons':
      return polygonsMask(outline.polygons, outline.height, outline.width);
    case 'mask':
      return outline.mask;
  }
}

function rasterise(outline: Outline, box: Float32Array, size: number, bins: Float32Array, at: number): void {
  switch (outline.kind) {
    case 'polygons':
      drawInBox(outline.polygons, box, size, bins, at);
      return;
    case 'mask':
      maskRoiAlign(outline.mask, box, size, true, bins, at);
      for (let i = at; i < at + size * size; i++) {
        const share = bins[i]!;
        bins[i] = share >= HALF ? 1 : share < HALF ? 0 : Number.NaN;
      }
  }
}

/** Draws polygons in the grid of the box: shifted by its corner, scaled by size / side. */
function drawInBox(
  polygons: readonly Float64Array[],
  box: Float32Array,
  size: number,
  bins: Float32Array,
  at: number,
): void {
  if (!box.every(Number.isFinite)) {
    bins.fill(Number.NaN, at, at + size * size);
    return;
  }
  const [left, top, right, bottom] = [box[0]!, box[1]!, box[2]!, box[3]!];
  const scaleX = size / Math.max(right - left, MIN_SIDE);
  const scaleY = size / Math.max(bottom - top, MIN_SIDE);
  const {runs} = polygonsMask(
    polygons.map(polygon =>
      polygon.map((value, i) => (i % 2 === 0 ? (value - left) * scaleX : (value - top) * scaleY)),
    ),
    size,
    size,
  );
  let end = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    const start = end + runs[i]!;
    end = start + runs[i + 1]!;
    for (let pixel = start; pixel < end; pixel++) {
      const column = Math.floor(pixel / size);
      bins[at + (pixel - column * size) * size + column] = 1;
    }
  }
}
