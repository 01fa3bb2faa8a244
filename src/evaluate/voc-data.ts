/**
 * What a PASCAL VOC evaluation compares, as columns of plain numbers. Boxes here are VOC's: xmin, ymin, xmax, ymax in
 * pixels counted from 1, both corners inside the box, so that a width is xmax - xmin + 1 (Everingham et al., development
 * kit, section "Annotation").
 */
import type {Dataset} from '../data/dataset.js';
import type {Detections} from '../detectors/detector.js';
import {RunError} from '../errors.js';

/** I images, C classes, N objects; object i is row i of every column. */
export type VocGroundTruth = {
  readonly classNames: readonly string[]; // [C]
  /** As VOC's lists and result files call them, without a file ending. */
  readonly imageNames: readonly string[]; // [I]
  /** As COCO results call them. */
  readonly imageIds: readonly number[]; // [I]
  readonly imageOf: Int32Array; // [N] positions in imageNames
  readonly classOf: Int32Array; // [N] positions in classNames
  readonly boxes: Float64Array; // [N, 4]
  /** Neither hit nor miss when it is the best overlap of a detection, and not to be found. */
  readonly difficult: Uint8Array; // [N]
};

/** D detections; where scores are equal, the order of the rows decides. */
export type VocResults = {
  readonly imageOf: Int32Array; // [D] positions in imageNames
  readonly classOf: Int32Array; // [D] positions in classNames
  readonly boxes: Float64Array; // [D, 4]
  readonly scores: Float64Array; // [D]
};

/**
 * The objects of an opened data set; what its format says to ignore (VOC's difficult objects, COCO's crowds) is
 * difficult here. A continuous box [x1, y1, x2, y2] covers the pixels x1 + 1 to x2, which is what VOC's files say of it.
 * Boxes that the data set left out when it was opened (see its notices) are not here either; readVocGroundTruth has them.
 */
export function vocFromDataset(dataset: Dataset): VocGroundTruth {
  const count = dataset.images.reduce((sum, image) => sum + image.groundTruth.classes.length, 0);
  const imageOf = new Int32Array(count);
  const classOf = new Int32Array(count);
  const boxes = new Float64Array(4 * count);
  const difficult = new Uint8Array(count);
  let row = 0;
  dataset.images.forEach(({groundTruth}, image) => {
    difficult.set(groundTruth.ignore, row);
    groundTruth.classes.forEach((classNumber, object) => {
      imageOf[row] = image;
      classOf[row] = classIndex(dataset, classNumber);
      writePixels(boxes, row, groundTruth.boxes, object);
      row++;
    });
  });
  return {
    classNames: dataset.classNames,
    imageNames: dataset.images.map(({fileName}) => fileName.replace(/\.[^./\\]+$/, '')),
    imageIds: dataset.images.map(({id}) => id),
    imageOf,
    classOf,
    boxes,
    difficult,
  };
}

/**
 * Detections of a model on `dataset`, in VOC's pixels. Rows keep the order of `detections`.
 * @throws RunError when a box or score is not a finite number.
 */
export function vocResults(detections: readonly Detections[], dataset: Dataset): VocResults {
  const count = detections.reduce((sum, image) => sum + image.scores.length, 0);
  const imageIndex = new Map(dataset.images.map(({id}, index) => [id, index]));
  const imageOf = new Int32Array(count);
  const classOf = new Int32Array(count);
  const boxes = new Float64Array(4 * count);
  const scores = new Float64Array(count);
  let row = 0;
  for (const image of detections) {
    const index = imageIndex.get(image.imageId);
    if (index === undefined) throw new RangeError(`image ${image.imageId} is not in ${dataset.name}`);
    scores.set(image.scores, row);
    image.classes.forEach((classNumber, detection) => {
      imageOf[row] = index;
      classOf[row] = classIndex(dataset, classNumber);
      writePixels(boxes, row, image.boxes, detection);
      row++;
    });
  }
  const results = {imageOf, classOf, boxes, scores};
  checkVocFinite(results, dataset.images);
  return results;
}

/** @throws RunError naming the first detection whose score or box is not made of finite numbers. */
function checkVocFinite({imageOf, boxes, scores}: VocResults, images: Dataset['images']): void {
  const score = scores.findIndex(value => !Number.isFinite(value));
  const coordinate = boxes.findIndex(value => !Number.isFinite(value));
  if (score < 0 && coordinate < 0) return;
  const row = score >= 0 ? score : Math.floor(coordinate / 4);
  const {fileName} = images[imageOf[row]!]!;
  throw new RunError(
    `detection ${row} on ${fileName} has a ${score >= 0 ? 'score' : 'box'} that is not a finite number; ` +
      'the model that made it has diverged',
  );
}

/** Classes of a data set are 1..C. */
function classIndex(dataset: Dataset, classNumber: number): number {
  if (!(classNumber >= 1 && classNumber <= dataset.classNames.length))
    throw new RangeError(
      `class ${classNumber} of ${dataset.name}, which has classes 1 to ${dataset.classNames.length}`,
    );
  return classNumber - 1;
}

/** Continuous XYXY to pixels from 1: pixel n spans n - 1 to n. */
function writePixels(to: Float64Array, row: number, from: Float32Array | Float64Array, index: number): void {
  to[4 * row] = from[4 * index]! + 1;
  to[4 * row + 1] = from[4 * index + 1]! + 1;
  to[4 * row + 2] = from[4 * index + 2]!;
  to[4 * row + 3] = from[4 * index + 3]!;
}
