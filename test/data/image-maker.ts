/** Image files of known pixels, and their records in a data set. */
import {join} from 'node:path';
import sharp from 'sharp';
import type {ImageRecord} from '../../src/data/dataset.js';

type Box = readonly [number, number, number, number];

/** Makes a PNG whose red is its id and whose left half has green 200; one box of class 1 in the left half unless told otherwise. */
export type MakeImage = (
  id: number,
  width: number,
  height: number,
  boxes?: readonly Box[],
) => Promise<ImageRecord>;

/** @param folder where the files go */
export function imageMaker(folder: string): MakeImage {
  return async (id, width, height, boxes = [[2, 3, 10, 9]]) => {
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i++) data.set([id, i % width < width / 2 ? 200 : 0, 0], i * 3);
    const path = join(folder, `${id}.png`);
    await sharp(data, {raw: {width, height, channels: 3}})
      .png()
      .toFile(path);
    return {
      id,
      fileName: `${id}.png`,
      path,
      width,
      height,
      groundTruth: {
        boxes: Float64Array.from(boxes.flat()),
        classes: Int32Array.from(boxes, () => 1),
        ignore: new Uint8Array(boxes.length),
        crowd: new Uint8Array(boxes.length),
        areas: new Float64Array(boxes.length),
        ids: new Float64Array(boxes.length),
      },
    };
  };
}
