/** What a detection data set is to the rest of the house, whichever files it came from. */
import type {Shape} from './polygon.js';

/**
 * Objects of one image, in annotation order. Boxes are XYXY, continuous, in pixels of the image as stored on disk.
 * G objects.
 */
export type GroundTruth = {
  readonly boxes: Float64Array; // [G, 4]
  /** 1..C, the position of the category among the data set's; 0 is background. */
  readonly classes: Int32Array; // [G]
  /** Not counted, neither as hit nor as miss: COCO's crowds, VOC's difficult objects. Never trained on if a crowd. */
  readonly ignore: Uint8Array; // [G]
  /** COCO's iscrowd: a region of many objects. Also set in `ignore`. */
  readonly crowd: Uint8Array; // [G]
  /** The annotation's area in square pixels (of the mask, where the file says so). */
  readonly areas: Float64Array; // [G]
  /** Annotation ids, as in the file. */
  readonly ids: Float64Array; // [G]
  /** Outlines as the file gives them, for the mask heads; absent where the format has none. */
  readonly shapes?: readonly Shape[]; // [G]
};

export type ImageRecord = {
  readonly id: number;
  /** As the annotation file names it. */
  readonly fileName: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly groundTruth: GroundTruth;
};

/** What loading left out or corrected, for the user to see. */
export type DatasetNotice = {readonly kind: string; readonly count: number; readonly example: string};

export type Dataset = {
  /** Short name for messages and provenance, such as `coco:val2017`. */
  readonly name: string;
  readonly classNames: readonly string[]; // [C], class c is classNames[c - 1]
  /** The file's category ids, ascending, by class. */
  readonly categoryIds: readonly number[]; // [C]
  readonly images: readonly ImageRecord[];
  readonly notices: readonly DatasetNotice[];
  /** Whether objects to `ignore` that are no crowds are trained on: VOC's difficult objects may not be. Default: they are. */
  readonly trainIgnored?: boolean;
};
