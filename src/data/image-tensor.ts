/** Pixels to the tensor that a detector sees: placed, flipped, in other colours where asked; normalised, padded. */
import * as tf from '@tensorflow/tfjs';
import type {InputConfig} from '../config/run.js';
import {type ColourShift, shiftColours} from './colours.js';
import type {Pixels} from './image.js';
import type {Placement} from './letterbox.js';
import type {Size} from './resize.js';
import {canvasOf} from './view.js';

export type ViewedPixels = Pixels & {
  /** Mirrored left to right. */
  readonly flip?: boolean;
  /** On a grey square, which is part of the image; absent: at the top left of the batch's canvas. */
  readonly placement?: Placement;
  /** Of the image with its square, before it is normalised. */
  readonly colours?: ColourShift;
};

type Normalisation = Readonly<Pick<InputConfig, 'channelOrder' | 'sizeDivisor'>> & {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
};

/** darknet's 0.5, on the 0..255 scale. */
const GREY = 127.5;

/** H and W of the batch that holds all of these images, or the squares that they lie on. */
export function batchSize(views: readonly (Size & Pick<ViewedPixels, 'placement'>)[], divisor: number): Size {
  const canvases = views.map(view => canvasOf(view, divisor));
  return {
    width: canvases.reduce((most, {width}) => Math.max(most, width), 0),
    height: canvases.reduce((most, {height}) => Math.max(most, height), 0),
  };
}

/**
 * Images side by side: [B, H, W, 3], (value - mean) / std on the 0..255 scale in the configured channel order.
 * Images lie at the top left, or on their grey squares; zeros after normalisation, so the mean colour, fill the rest up to the
 * batch's largest sides, rounded up to `sizeDivisor`. The caller owns the tensor.
 */
export function imagesToTensor(images: readonly ViewedPixels[], input: Normalisation): tf.Tensor4D {
  const {width, height} = batchSize(images, input.sizeDivisor);
  const values = new Float32Array(images.length * height * width * 3);
  const tables = channelTables(input);
  images.forEach((image, i) => {
    const target = {
      values: values.subarray(i * height * width * 3, (i + 1) * height * width * 3),
      width,
      left: image.placement?.left ?? 0,
      top: image.placement?.top ?? 0,
    };
    if (image.placement !== undefined) fillSquare(target, image.placement.canvas, image.colours, input);
    if (image.colours === undefined) writeImage(target, image, input, tables);
    else writeShifted(target, image, image.colours, input);
  });
  return tf.tensor4d(values, [images.length, height, width, 3]);
}

type ChannelTables = readonly [Float32Array, Float32Array, Float32Array]; // normalised value of each of 256 bytes

/** Where an image is written: [height, width, 3] of the batch, and its top left corner there. */
type Target = {
  readonly values: Float32Array;
  readonly width: number;
  readonly left: number;
  readonly top: number;
};

function channelTables({mean, std}: Normalisation): ChannelTables {
  const table = (channel: 0 | 1 | 2): Float32Array =>
    Float32Array.from({length: 256}, (_, value) => (value - mean[channel]) / std[channel]);
  return [table(0), table(1), table(2)];
}

function fillSquare(
  {values, width}: Target,
  square: Size,
  colours: ColourShift | undefined,
  {mean, std}: Normalisation,
): void {
  const grey = Float32Array.of(GREY, GREY, GREY);
  if (colours !== undefined) shiftColours(grey, colours);
  const first = (grey[0]! - mean[0]) / std[0];
  const second = (grey[1]! - mean[1]) / std[1];
  const third = (grey[2]! - mean[2]) / std[2];
  for (let row = 0; row < square.height; row++) {
    const end = (row * width + square.width) * 3;
    for (let to = row * width * 3; to < end; to += 3) {
      values[to] = first;
      values[to + 1] = second;
      values[to + 2] = third;
    }
  }
}

function writeImage(
  target: Target,
  {data, width, height, flip}: ViewedPixels,
  {channelOrder}: Normalisation,
  [table0, table1, table2]: ChannelTables,
): void {
  const {values} = target;
  const first = channelOrder === 'rgb' ? 0 : 2;
  const last = 2 - first;
  const step = flip ? -3 : 3;
  for (let row = 0; row < height; row++) {
    let from = (flip ? row * width + width - 1 : row * width) * 3;
    let to = ((target.top + row) * target.width + target.left) * 3;
    for (let column = 0; column < width; column++) {
      values[to] = table0[data[from + first]!]!;
      values[to + 1] = table1[data[from + 1]!]!;
      values[to + 2] = table2[data[from + last]!]!;
      from += step;
      to += 3;
    }
  }
}

/** The same in other colours, a row at a time. */
function writeShifted(
  target: Target,
  {data, width, height, flip}: ViewedPixels,
  colours: ColourShift,
  {channelOrder, mean, std}: Normalisation,
): void {
  const {values} = target;
  const [mean0, mean1, mean2] = mean;
  const [scale0, scale1, scale2] = [1 / std[0], 1 / std[1], 1 / std[2]];
  const first = channelOrder === 'rgb' ? 0 : 2;
  const last = 2 - first;
  const step = flip ? -3 : 3;
  const rgb = new Float32Array(width * 3);
  for (let row = 0; row < height; row++) {
    rgb.set(data.subarray(row * width * 3, (row + 1) * width * 3));
    shiftColours(rgb, colours);
    let from = flip ? (width - 1) * 3 : 0;
    let to = ((target.top + row) * target.width + target.left) * 3;
    for (let column = 0; column < width; column++) {
      values[to] = (rgb[from + first]! - mean0) * scale0;
      values[to + 1] = (rgb[from + 1]! - mean1) * scale1;
      values[to + 2] = (rgb[from + last]! - mean2) * scale2;
      from += step;
      to += 3;
    }
  }
}
