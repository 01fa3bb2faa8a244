/**
 * The pyramid level that a box takes its features from: Lin et al., "Feature pyramid networks for object detection",
 * Eq. 1, k = floor(k0 + log2(sqrt(w h) / 224)), k0 = 4, clamped to the levels that are there. The epsilon inside of the
 * logarithm is that of maskrcnn-benchmark (modeling/poolers.py, LevelMapper), 1e-6; detectron2 (modeling/poolers.py,
 * assign_boxes_to_levels) takes the machine epsilon of double precision.
 */
import {type Boxes, boxArea, boxCount} from './box.js';

export type RoiLevelOptions = {
  /** Number of the finest and the coarsest map: 2 and 5 for P2 .. P5. */
  readonly finest: number;
  readonly coarsest: number;
  /** Side of a square box, in pixels, from which on it is on `canonicalLevel`; default: 224. */
  readonly canonicalSize?: number;
  /** Default: 4. */
  readonly canonicalLevel?: number;
  /** Default: 1e-6. */
  readonly epsilon?: number;
};

/**
 * Index into the maps finest .. coarsest for every box, [R]. Boxes without area are on the finest map; so are boxes
 * whose area is NaN.
 */
export function roiLevels(boxes: Boxes, options: RoiLevelOptions): Int32Array {
  const {finest, coarsest, canonicalSize = 224, canonicalLevel = 4, epsilon = 1e-6} = options;
  return Int32Array.from({length: boxCount(boxes)}, (_, i) => {
    const ratio = Math.sqrt(boxArea(boxes, i)) / canonicalSize;
    if (Number.isNaN(ratio)) return 0;
    const level = Math.floor(canonicalLevel + Math.log2(ratio + epsilon));
    return Math.min(Math.max(level, finest), coarsest) - finest;
  });
}
