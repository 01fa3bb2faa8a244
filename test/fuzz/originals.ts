/** Small valid files of every kind that an evaluation reads; the mutations start from them. */

import {boxMask} from '../../src/masks/rasterize.js';
import {formatRunLengths} from '../../src/masks/run-length-text.js';

const HEIGHT = 48;
const WIDTH = 64;

type Box = readonly [x: number, y: number, width: number, height: number];

function compressed(box: Box): object {
  return {size: [HEIGHT, WIDTH], counts: formatRunLengths(boxMask(box, HEIGHT, WIDTH))};
}

function uncompressed(box: Box): object {
  return {size: [HEIGHT, WIDTH], counts: [...boxMask(box, HEIGHT, WIDTH).runs]};
}

function outline([x, y, width, height]: Box): readonly number[] {
  return [x, y, x + width, y, x + width, y + height, x + width / 2, y + height + 1.5, x, y + height];
}

const IMAGES = [1, 2, 139, 900000000551].map(id => ({
  id,
  file_name: `${id}.jpg`,
  height: HEIGHT,
  width: WIDTH,
}));

const CATEGORIES = [
  {id: 1, name: 'cat', supercategory: 'animal'},
  {id: 3, name: 'cup'},
  {id: 18, name: 'dog'},
];

const BOXES: readonly Box[] = [
  [4, 4, 20, 16],
  [10.5, 8.25, 30, 30],
  [0, 0, 64, 48],
  [40, 20, 12.75, 9],
  [1, 30, 5, 5],
  [5, 5, 22, 18],
];

function segmentation(i: number, box: Box): unknown {
  switch (i % 4) {
    case 0:
      return [outline(box)];
    case 1:
      return [outline(box), outline([50, 2, 6, 6])];
    case 2:
      return uncompressed(box);
    default:
      return compressed(box);
  }
}

/** Boxes, polygons and both kinds of run lengths; crowds; fields that the reference overwrites or ignores. */
export const INSTANCES = {
  info: {description: 'made up', year: 2020},
  licenses: [],
  images: IMAGES,
  annotations: Array.from({length: 12}, (_, i) => {
    const box = BOXES[i % BOXES.length]!;
    return {
      id: i + 1,
      image_id: IMAGES[i % 3]!.id,
      category_id: CATEGORIES[i % 2]!.id,
      bbox: box,
      area: box[2] * box[3],
      iscrowd: i % 4 === 3 ? 1 : 0,
      ...(i === 5 ? {ignore: 1} : {}),
      segmentation: segmentation(i, box),
    };
  }),
  categories: CATEGORIES,
};

const FOUND = Array.from({length: 14}, (_, i) => {
  const [x, y, width, height] = BOXES[(i * 5) % BOXES.length]!;
  return {
    image_id: IMAGES[i % 4]!.id,
    category_id: CATEGORIES[i % 3]!.id,
    bbox: [x + (i % 3), y, width, height + 0.1 * i] as const,
    score: [0.9, 0.5, 0.123456789012345, 1, 0.05][i % 5]!,
  };
});

export const BOX_RESULTS = FOUND;
/** As most programs write masks: no boxes. */
export const MASK_RESULTS = FOUND.map(({bbox, ...record}) => ({
  ...record,
  segmentation: compressed(bbox),
}));
export const MIXED_RESULTS = FOUND.map((record, i) => ({
  ...record,
  segmentation: segmentation(i, record.bbox),
}));

export const VOC_IMAGES: readonly string[] = ['000005', '2008_000012', 'c'];
export const VOC_CLASSES: readonly string[] = ['cat', 'dog', 'person'];

function vocObject(name: string, [xmin, ymin, xmax, ymax]: readonly number[], difficult: number): string {
  return (
    `\t<object>\n\t\t<name>${name}</name>\n\t\t<pose>Left</pose>\n\t\t<difficult>${difficult}</difficult>\n` +
    `\t\t<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox>\n` +
    '\t\t<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>\n' +
    '\t</object>\n'
  );
}

export function vocAnnotation(image: string): string {
  const objects = [
    vocObject('cat', [1, 1, 40, 30], 0),
    vocObject('dog', [8, 3, 60, 45], 1),
    vocObject('person', [30, 20, 31, 25], 0),
  ];
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<annotation>\n\t<folder>VOC2007</folder>\n\t<filename>${image}.jpg</filename>\n` +
    `\t<size><width>${WIDTH}</width><height>${HEIGHT}</height><depth>3</depth></size>\n${objects.join('')}</annotation>\n`
  );
}

export const VOC_LIST = VOC_IMAGES.map(image => `${image}\n`).join('');

export const VOC_LINES = VOC_IMAGES.flatMap(image => [
  `${image} 0.987654 1 1 40 30`,
  `${image} 0.5 8.5 3 60.25 45`,
  `${image} 1e-3 30 20 31 25`,
]).join('\n');

export const VOC_RECORDS = VOC_IMAGES.flatMap((image, i) => [
  {image_id: i + 1, category_id: 1, bbox: [0, 0, 40, 30], score: 0.9},
  {image_id: image, category_id: 3, bbox: [29, 19.5, 1, 6], score: 0.25},
]);
