/** What a data set is made of: images, objects, classes, sizes; and the imbalance that a detector's anchors see. */
import type {Imbalance} from '../sampling-free/imbalance.js';
import {biasOfPrior, optimalPrior} from '../sampling-free/optimal-bias.js';
import type {Dataset} from './dataset.js';

/** How numbers are spread; null where there are none. */
export type Spread = {
  readonly min: number;
  readonly p5: number;
  readonly median: number;
  readonly mean: number;
  readonly p95: number;
  readonly max: number;
};

export type ClassStats = {
  readonly name: string;
  readonly categoryId: number;
  /** Images with at least one object of the class, crowds and ignored ones apart. */
  readonly images: number;
  readonly objects: number;
  readonly crowds: number;
  readonly ignored: number;
};

export type DatasetStats = {
  readonly name: string;
  readonly images: number;
  readonly imagesWithoutObjects: number;
  /** Objects that count: neither crowds nor ignored. All that follows is about these. */
  readonly objects: number;
  readonly crowds: number;
  /** Ignored ones that are no crowds (VOC: difficult). */
  readonly ignored: number;
  readonly classes: readonly ClassStats[];
  /** COCO's ranges of the annotated area: up to 32^2, up to 96^2, above. */
  readonly sizes: {readonly small: number; readonly medium: number; readonly large: number};
  readonly objectsPerImage: Spread | null;
  /** Square root of a box's area, in pixels of the file. */
  readonly boxSide: Spread | null;
  /** Height / width, as that of anchors. */
  readonly aspectRatio: Spread | null;
  readonly imageWidth: Spread | null;
  readonly imageHeight: Spread | null;
};

/** The imbalance of Sec. 3.2 and what follows from it for C classes; null where nothing is foreground. */
export type ImbalanceStats = {
  /** N. */
  readonly examples: number;
  /** N_f. */
  readonly foreground: number;
  /** N / N_f. */
  readonly ratio: number | null;
  /** pi = N_f / (N C), Eq. 9. */
  readonly prior: number | null;
  /** The optimal bias, Eq. 10. */
  readonly bias: number | null;
};

const SMALL = 32 ** 2;
const MEDIUM = 96 ** 2;

export function datasetStats(dataset: Dataset): DatasetStats {
  const classes = dataset.classNames.map((name, i) => ({
    name,
    categoryId: dataset.categoryIds[i]!,
    images: 0,
    objects: 0,
    crowds: 0,
    ignored: 0,
  }));
  const sizes = {small: 0, medium: 0, large: 0};
  const perImage: number[] = [];
  const sides: number[] = [];
  const aspectRatios: number[] = [];
  for (const {groundTruth} of dataset.images) {
    const {boxes, areas, crowd, ignore} = groundTruth;
    const present = new Set<number>();
    let objects = 0;
    groundTruth.classes.forEach((classNumber, i) => {
      const ofClass = classes[classNumber - 1];
      if (ofClass === undefined) return;
      if (crowd[i] === 1) ofClass.crowds++;
      else if (ignore[i] === 1) ofClass.ignored++;
      else {
        const width = boxes[i * 4 + 2]! - boxes[i * 4]!;
        const height = boxes[i * 4 + 3]! - boxes[i * 4 + 1]!;
        ofClass.objects++;
        objects++;
        present.add(classNumber);
        sizes[areas[i]! < SMALL ? 'small' : areas[i]! < MEDIUM ? 'medium' : 'large']++;
        sides.push(Math.sqrt(width * height));
        aspectRatios.push(height / width);
      }
    });
    for (const classNumber of present) classes[classNumber - 1]!.images++;
    perImage.push(objects);
  }
  const sum = (field: 'objects' | 'crowds' | 'ignored') =>
    classes.reduce((total, ofClass) => total + ofClass[field], 0);
  return {
    name: dataset.name,
    images: dataset.images.length,
    imagesWithoutObjects: perImage.filter(objects => objects === 0).length,
    objects: sum('objects'),
    crowds: sum('crowds'),
    ignored: sum('ignored'),
    classes,
    sizes,
    objectsPerImage: spread(perImage),
    boxSide: spread(sides),
    aspectRatio: spread(aspectRatios),
    imageWidth: spread(dataset.images.map(image => image.width)),
    imageHeight: spread(dataset.images.map(image => image.height)),
  };
}

/** Quantiles are values that occur: the one at rank ceil(q n). */
function spread(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const quantile = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
  return {
    min: sorted[0]!,
    p5: quantile(0.05),
    median: quantile(0.5),
    mean: sorted.reduce((total, value) => total + value, 0) / sorted.length,
    p95: quantile(0.95),
    max: sorted.at(-1)!,
  };
}

/** @param classes C, the foreground classes */
export function imbalanceStats(imbalance: Imbalance, classes: number): ImbalanceStats {
  const {examples, foreground} = imbalance;
  if (foreground === 0) return {examples, foreground, ratio: null, prior: null, bias: null};
  const prior = optimalPrior(imbalance, classes);
  return {examples, foreground, ratio: examples / foreground, prior, bias: biasOfPrior(prior)};
}
