/**
 * What a COCO evaluation compares: annotated objects and detections, as columns of plain numbers, whichever files
 * or models they came from. Boxes here are COCO's XYWH: left, top, width, height, in pixels.
 */
import type {Dataset} from '../data/dataset.js';
import type {Detections} from '../detectors/detector.js';
import {RunError} from '../errors.js';
import {MaskError} from '../masks/mask.js';
import {type MaskTable, MaskTableBuilder} from '../masks/mask-table.js';
import {Segmentation} from './coco-files-segmentation.js';

export type CocoCategory = {readonly id: number; readonly name: string};

/** I images, K categories, N annotations; annotation i is row i of every column. */
export type CocoGroundTruth = {
  readonly imageIds: Float64Array; // [I]
  /** Pixels of the images; 0 where the file does not say. Read together with masks, which are drawn at that size. */
  readonly imageHeights?: Uint32Array; // [I]
  readonly imageWidths?: Uint32Array; // [I]
  readonly categories: readonly CocoCategory[]; // [K]
  /** COCO numbers annotations from 1; pycocotools takes the id 0 for "no match" (see coco-matching.ts). */
  readonly ids: Float64Array; // [N]
  readonly imageOf: Float64Array; // [N] image ids
  readonly categoryOf: Float64Array; // [N] category ids
  readonly boxes: Float64Array; // [N, 4] XYWH
  readonly areas: Float64Array; // [N] square pixels, of the mask where the file says so
  /** A region of many objects: overlaps are measured against the detection's area, any number of matches. */
  readonly crowd: Uint8Array; // [N]
  /** Neither hit nor miss: crowds, and objects such as VOC's difficult ones, which match once like any other. */
  readonly ignore: Uint8Array; // [N]
  /** The objects' masks, when they were asked for. */
  readonly masks?: MaskTable; // [N]
};

/** D detections in the order of their file; detection i is row i of every column. */
export type CocoResults = {
  readonly imageOf: Float64Array; // [D] image ids
  readonly categoryOf: Float64Array; // [D] category ids
  readonly boxes: Float64Array; // [D, 4] XYWH
  readonly scores: Float64Array; // [D]
  /**
   * Square pixels that decide the area range of an unmatched detection: width * height of the box, also beside a mask;
   * the mask's pixels where the records have no boxes.
   */
  readonly areas: Float64Array; // [D]
  /** The detections' masks, when they were asked for. */
  readonly masks?: MaskTable; // [D]
};

/** Width times height of every XYWH box. */
export function boxAreas(boxes: Float64Array): Float64Array {
  const areas = new Float64Array(boxes.length / 4);
  for (let i = 0; i < areas.length; i++) areas[i] = boxes[4 * i + 2]! * boxes[4 * i + 3]!;
  return areas;
}

/** @throws RunError naming the first detection whose score or box is not made of finite numbers. */
export function checkFinite({imageOf, boxes, scores}: CocoResults): void {
  const score = scores.findIndex(value => !Number.isFinite(value));
  const coordinate = boxes.findIndex(value => !Number.isFinite(value));
  if (score < 0 && coordinate < 0) return;
  const row = score >= 0 ? score : Math.floor(coordinate / 4);
  throw new RunError(
    `detection ${row} on image ${imageOf[row]} has a ${score >= 0 ? 'score' : 'box'} that is not a finite number; ` +
      'the model that made it has diverged',
  );
}

/**
 * The annotations of an opened data set; class c becomes the file's category id, `ignore` is kept as it is. With masks
 * every object's outline is drawn at the size of its image.
 * @throws RunError when masks are asked for and an object has none.
 */
export function fromDataset(
  dataset: Dataset,
  {masks: withMasks = false}: {readonly masks?: boolean} = {},
): CocoGroundTruth {
  const count = dataset.images.reduce((sum, image) => sum + image.groundTruth.classes.length, 0);
  const ids = new Float64Array(count);
  const imageOf = new Float64Array(count);
  const categoryOf = new Float64Array(count);
  const boxes = new Float64Array(4 * count);
  const areas = new Float64Array(count);
  const crowd = new Uint8Array(count);
  const ignore = new Uint8Array(count);
  let row = 0;
  for (const {id, groundTruth} of dataset.images) {
    ids.set(groundTruth.ids, row);
    areas.set(groundTruth.areas, row);
    crowd.set(groundTruth.crowd, row);
    ignore.set(groundTruth.ignore, row);
    groundTruth.classes.forEach((classIndex, object) => {
      imageOf[row] = id;
      categoryOf[row] = categoryId(dataset, classIndex);
      writeXywh(boxes, row, groundTruth.boxes, object);
      row++;
    });
  }
  const columns = {
    imageIds: Float64Array.from(dataset.images, image => image.id),
    categories: dataset.categoryIds.map((id, index) => ({id, name: dataset.classNames[index]!})),
    ids,
    imageOf,
    categoryOf,
    boxes,
    areas,
    crowd,
    ignore,
  };
  if (!withMasks) return columns;
  return {
    ...columns,
    imageHeights: Uint32Array.from(dataset.images, image => image.height),
    imageWidths: Uint32Array.from(dataset.images, image => image.width),
    masks: drawnShapes(dataset),
  };
}

/** The masks of all objects. */
function drawnShapes(dataset: Dataset): MaskTable {
  const table = new MaskTableBuilder();
  const segmentation = new Segmentation();
  for (const {fileName, height, width, groundTruth} of dataset.images) {
    const shapes = groundTruth.shapes ?? [];
    groundTruth.ids.forEach((id, object) => {
      const fail = (problem: string) =>
        new RunError(`${dataset.name}: annotation ${id} of ${fileName} ${problem}; evaluate boxes instead`);
      const shape = shapes[object];
      if (shape === undefined || shape.kind === 'none') throw fail('has no mask');
      segmentation.readShape(shape);
      try {
        table.push(segmentation.mask(height, width));
      } catch (error) {
        throw error instanceof MaskError ? fail(`has no valid mask (${error.message})`) : error;
      }
    });
  }
  return table.take({shared: true});
}

/**
 * Detections of a model as COCO results: XYWH, and the category ids of the data set's file. Areas are the boxes', also
 * with masks, as in the reference.
 */
export function toResults(detections: readonly Detections[], dataset: Dataset): CocoResults {
  const count = detections.reduce((sum, image) => sum + image.scores.length, 0);
  const imageOf = new Float64Array(count);
  const categoryOf = new Float64Array(count);
  const boxes = new Float64Array(4 * count);
  const scores = new Float64Array(count);
  let row = 0;
  for (const image of detections) {
    scores.set(image.scores, row);
    image.classes.forEach((classIndex, detection) => {
      imageOf[row] = image.imageId;
      categoryOf[row] = categoryId(dataset, classIndex);
      writeXywh(boxes, row, image.boxes, detection);
      row++;
    });
  }
  const columns = {imageOf, categoryOf, boxes, scores, areas: boxAreas(boxes)};
  if (!detections.some(image => image.masks !== undefined)) return columns;
  return {...columns, masks: detectedMasks(detections)};
}

function detectedMasks(detections: readonly Detections[]): MaskTable {
  const table = new MaskTableBuilder();
  for (const {imageId, scores, masks = []} of detections) {
    if (masks.length !== scores.length) {
      throw new RangeError(`image ${imageId} has ${scores.length} detections and ${masks.length} masks`);
    }
    for (const mask of masks) table.push(mask);
  }
  return table.take({shared: true});
}

/** Classes are 1..C, the data set's categories in order. */
function categoryId(dataset: Dataset, classIndex: number): number {
  const id = dataset.categoryIds[classIndex - 1];
  if (id === undefined) {
    throw new RangeError(
      `class ${classIndex} of ${dataset.name}, which has classes 1 to ${dataset.categoryIds.length}`,
    );
  }
  return id;
}

function writeXywh(to: Float64Array, row: number, from: Float32Array | Float64Array, index: number): void {
  const x = from[4 * index]!;
  const y = from[4 * index + 1]!;
  to[4 * row] = x;
  to[4 * row + 1] = y;
  to[4 * row + 2] = from[4 * index + 2]! - x;
  to[4 * row + 3] = from[4 * index + 3]! - y;
}
