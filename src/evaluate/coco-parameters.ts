/** What a COCO evaluation averages over; the defaults are those of the COCO server. */
import {UsageError} from '../errors.js';

/** Objects with `min <= area <= max` square pixels: both ends belong to the range. */
export type AreaRange = {readonly label: string; readonly min: number; readonly max: number};

/** What overlaps are measured on. */
export type IouType = 'bbox' | 'segm';

export type CocoParameters = {
  /** 'segm' needs masks on both sides. */
  readonly iouType: IouType;
  /** False: all categories are evaluated as one (K = 1). */
  readonly useCategories: boolean;
  /**
   * Detections counted for an image and category, one number or more, kept in ascending order. Matches are made with
   * the largest; the twelve stats of the reference are defined for three (coco-stats.ts says what others give).
   */
  readonly maxDetections: readonly number[]; // [M]
  readonly iouThresholds: readonly number[]; // [T]
  readonly areaRanges: readonly AreaRange[]; // [A]
  /** Images to evaluate; null: all. */
  readonly imageIds: readonly number[] | null;
  /** Categories to evaluate; null: all. */
  readonly categoryIds: readonly number[] | null;
};

/**
 * 0.5 to 0.95 as numpy's linspace makes them: step (0.95 - 0.5) / 9, so the ninth is 0.8999999999999999. A detection
 * whose IoU is a decimal such as 0.9 in double precision is a match or not by that last bit.
 */
export const IOU_THRESHOLDS: readonly number[] = Array.from({length: 10}, (_, i) =>
  i === 9 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9),
);

/** 0 to 1 in 101 points; i * 0.01 is not i / 100 at ten of them (a recall of exactly 7 / 20 is below point 35). */
export const RECALL_THRESHOLDS: readonly number[] = Array.from({length: 101}, (_, i) => i * 0.01);

const EVERYTHING = 1e5 ** 2;

export const AREA_RANGES: readonly AreaRange[] = [
  {label: 'all', min: 0, max: EVERYTHING},
  {label: 'small', min: 0, max: 32 ** 2},
  {label: 'medium', min: 32 ** 2, max: 96 ** 2},
  {label: 'large', min: 96 ** 2, max: EVERYTHING},
];

export const COCO_PARAMETERS: CocoParameters = {
  iouType: 'bbox',
  useCategories: true,
  maxDetections: [1, 10, 100],
  iouThresholds: IOU_THRESHOLDS,
  areaRanges: AREA_RANGES,
  imageIds: null,
  categoryIds: null,
};

/**
 * The defaults with `changes`, maxDetections sorted.
 * @throws UsageError for values that no evaluation can be made with.
 */
export function cocoParameters(changes: Partial<CocoParameters> = {}): CocoParameters {
  const merged = {...COCO_PARAMETERS, ...changes};
  const maxDetections = [...merged.maxDetections].sort((a, b) => a - b);
  if (maxDetections.length === 0 || !maxDetections.every(max => Number.isInteger(max) && max > 0)) {
    throw new UsageError(
      `maxDets is [${merged.maxDetections}]; give whole numbers above 0, such as 1,10,100 or 300`,
    );
  }
  if (merged.iouThresholds.length === 0 || !merged.iouThresholds.every(iou => iou > 0 && iou <= 1)) {
    throw new UsageError(`IoU thresholds are [${merged.iouThresholds}]; give numbers above 0 and at most 1`);
  }
  const labels = merged.areaRanges.map(range => range.label);
  if (!labels.includes('all') || new Set(labels).size !== labels.length) {
    throw new UsageError(`area ranges are [${labels}]; each needs a name of its own, and one is named all`);
  }
  return {...merged, maxDetections};
}
