/** Pixels to the tensor that a detector sees: flipped where asked, normalised, then padded with zeros. */
import * as tf from '@tensorflow/tfjs';
import type {InputConfig} from '../config/run.js';
import type {Pixels} from './image.js';
import {paddedSize, type Size} from './resize.js';

export type ViewedPixels = Pixels & {
  /** Mirrored left to right. */
  readonly flip?: boolean;
};

type Normalisation = Readonly<Pick<InputConfig, 'channelOrder' | 'sizeDivisor'>> & {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
};

/** H and W of the batch that holds all of `sizes`. */
export function batchSize(sizes: readonly Size[], divisor: number): Size {
  return paddedSize(
    {
      width: sizes.reduce((most, {width}) => Math.max(most, width), 0),
      height: sizes.reduce((most, {height}) => Math.max(most, height), 0),
    },
    divisor,
  );
}

/**
 * Images side by side: [B, H, W, 3], (value - mean) / std on the 0..255 scale in the configured channel order.
 * Images lie at the top left; zeros after normalisation, so the mean colour, fill the rest up to the batch's largest
 * sides, rounded up to `sizeDivisor`. The caller owns the tensor.
 */
export function imagesToTensor(images: readonly ViewedPixels[], input: Normalisation): tf.Tensor4D {
  const {width, height} = batchSize(images, input.sizeDivisor);
  const values = new Float32Array(images.length * height * width * 3);
  const tables = channelTables(input);
  images.forEach((image, i) => {
    writeImage(
      values.subarray(i * height * width * 3, (i + 1) * height * width * 3),
      width,
      image,
      input,
      tables,
    );
  });
  return tf.tensor4d(values, [images.length, height, width, 3]);
}

type ChannelTables = readonly [Float32Array, Float32Array, Float32Array]; // normalised value of each of 256 bytes

function channelTables({mean, std}: Normalisation): ChannelTables {
  const table = (channel: 0 | 1 | 2): Float32Array =>
    Float32Array.from({length: 256}, (_, value) => (value - mean[channel]) / std[channel]);
  return [table(0), table(1), table(2)];
}

function writeImage(
  target: Float32Array,
  targetWidth: number,
  {data, width, height, flip}: ViewedPixels,
  {channelOrder}: Normalisation,
  [table0, table1, table2]: ChannelTables,
): void {
  const first = channelOrder === 'rgb' ? 0 : 2;
  const last = 2 - first;
  const step = flip ? -3 : 3;
  for (let row = 0; row < height; row++) {
    let from = (flip ? row * width + width - 1 : row * width) * 3;
    let to = row * targetWidth * 3;
    for (let column = 0; column < width; column++) {
      target[to] = table0[data[from + first]!]!;
      target[to + 1] = table1[data[from + 1]!]!;
      target[to + 2] = table2[data[from + last]!]!;
      from += step;
      to += 3;
    }
  }
}
