/** Small annotated scenes for the evaluator's tests: records in, columns out, and random scenes. */
import fc from 'fast-check';
import {boxAreas, type CocoGroundTruth, type CocoResults} from '../../src/evaluate/coco-data.js';

export type Box = readonly [x: number, y: number, width: number, height: number];

export type Annotation = {
  readonly id: number;
  readonly image: number;
  readonly category: number;
  readonly box: Box;
  readonly area?: number;
  readonly crowd?: boolean;
  readonly ignore?: boolean;
};

export type Found = {
  readonly image: number;
  readonly category: number;
  readonly box: Box;
  readonly score: number;
};

export function groundTruthOf(
  images: readonly number[],
  categories: readonly number[],
  annotations: readonly Annotation[],
): CocoGroundTruth {
  const boxes = Float64Array.from(annotations.flatMap(annotation => annotation.box));
  const areas = boxAreas(boxes);
  return {
    imageIds: Float64Array.from(images),
    categories: categories.map(id => ({id, name: `class ${id}`})),
    ids: Float64Array.from(annotations, annotation => annotation.id),
    imageOf: Float64Array.from(annotations, annotation => annotation.image),
    categoryOf: Float64Array.from(annotations, annotation => annotation.category),
    boxes,
    areas: areas.map((area, row) => annotations[row]!.area ?? area),
    crowd: Uint8Array.from(annotations, ({crowd}) => Number(crowd ?? false)),
    ignore: Uint8Array.from(annotations, ({crowd, ignore}) => Number(ignore ?? crowd ?? false)),
  };
}

export function resultsOf(found: readonly Found[]): CocoResults {
  const boxes = Float64Array.from(found.flatMap(({box}) => box));
  return {
    imageOf: Float64Array.from(found, ({image}) => image),
    categoryOf: Float64Array.from(found, ({category}) => category),
    boxes,
    scores: Float64Array.from(found, ({score}) => score),
    areas: boxAreas(boxes),
  };
}

export type Scene = {
  readonly images: readonly number[];
  readonly categories: readonly number[];
  readonly annotations: readonly Annotation[];
  readonly found: readonly Found[];
};

const IMAGES = [3, 5, 8];
const CATEGORIES = [1, 2];

/** Boxes on a coarse grid, so that they often overlap, touch or coincide. */
const anyBox: fc.Arbitrary<Box> = fc
  .tuple(fc.nat({max: 6}), fc.nat({max: 6}), fc.integer({min: 1, max: 5}), fc.integer({min: 1, max: 5}))
  .map(([x, y, width, height]) => [8 * x, 8 * y, 16 * width, 16 * height]);

/** A few images with some objects, some of them crowds, and detections with scores that all differ. */
export const anyScene: fc.Arbitrary<Scene> = fc
  .record({
    annotations: fc.array(
      fc.record({
        image: fc.constantFrom(...IMAGES),
        category: fc.constantFrom(...CATEGORIES),
        box: anyBox,
        crowd: fc.integer({min: 0, max: 5}).map(dice => dice === 0),
      }),
      {maxLength: 12},
    ),
    found: fc.array(
      fc.record({image: fc.constantFrom(...IMAGES), category: fc.constantFrom(...CATEGORIES), box: anyBox}),
      {maxLength: 20},
    ),
  })
  .map(({annotations, found}) => ({
    images: IMAGES,
    categories: CATEGORIES,
    annotations: annotations.map((annotation, row) => ({...annotation, id: row + 1})),
    found: found.map((detection, row) => ({...detection, score: ((row * 7) % 20) / 20 + 0.01})),
  }));
