/** The records of an evaluation image by image, all categories together: where detections of one meet objects of another. */
import type {Groups} from '../coco-groups.js';

/** One category's share of an image: ranges of positions in `detections` and `groundTruths`. */
export type Block = {
  /** Position of the category among the evaluated ones. */
  readonly category: number;
  readonly detections: readonly [from: number, to: number];
  readonly groundTruths: readonly [from: number, to: number];
};

/** D detections and G objects of one image, category by category. */
export type ImageRecords = {
  readonly detections: Int32Array; // [D] rows of the results; within a category by falling score
  readonly detectionCategories: Int32Array; // [D] positions of categories
  readonly groundTruths: Int32Array; // [G] rows of the ground truth; within a category in file order
  readonly groundTruthCategories: Int32Array; // [G]
  readonly blocks: readonly Block[];
};

/** Every image that has records, by ascending id. */
export function* imageRecords({categories, imageIds}: Groups): Generator<ImageRecords> {
  // A category's images are in ascending order: a cursor each passes over them once.
  const cursors = new Int32Array(categories.length);
  for (let image = 0; image < imageIds.length; image++) {
    const present: {category: number; pair: number}[] = [];
    for (let k = 0; k < categories.length; k++) {
      if (categories[k]!.images[cursors[k]!] === image) present.push({category: k, pair: cursors[k]!++});
    }
    if (present.length > 0) yield joinCategories(categories, present);
  }
}

function joinCategories(
  categories: Groups['categories'],
  present: readonly {readonly category: number; readonly pair: number}[],
): ImageRecords {
  const detections: number[] = [];
  const detectionCategories: number[] = [];
  const groundTruths: number[] = [];
  const groundTruthCategories: number[] = [];
  const blocks = present.map(({category, pair}): Block => {
    const group = categories[category]!;
    const [firstDetection, firstObject] = [detections.length, groundTruths.length];
    for (let i = group.detectionStarts[pair]!; i < group.detectionStarts[pair + 1]!; i++) {
      detections.push(group.detections[i]!);
      detectionCategories.push(category);
    }
    for (let i = group.groundTruthStarts[pair]!; i < group.groundTruthStarts[pair + 1]!; i++) {
      groundTruths.push(group.groundTruths[i]!);
      groundTruthCategories.push(category);
    }
    return {
      category,
      detections: [firstDetection, detections.length],
      groundTruths: [firstObject, groundTruths.length],
    };
  });
  return {
    detections: Int32Array.from(detections),
    detectionCategories: Int32Array.from(detectionCategories),
    groundTruths: Int32Array.from(groundTruths),
    groundTruthCategories: Int32Array.from(groundTruthCategories),
    blocks,
  };
}
