/**
 * How images are seen: the one size that evaluation and prediction use, and what training draws anew for every image and
 * epoch. Whatever is random about an image in training is drawn here, from the seed, the epoch and the image alone.
 */
import type {InputConfig} from '../config/run.js';
import {Random} from '../random/random.js';
import {resizedSize, type Size} from './resize.js';

/** How an image enters a batch: its size after resizing, and whether it is mirrored left to right. */
export type View = Size & {readonly flip: boolean};

/** The size in pixels at which an image is evaluated and predicted on. */
export function evaluationSize(image: Size, {resize}: Pick<InputConfig, 'resize'>): Size {
  if (resize === null) return image;
  const {shortSide} = resize;
  const evaluated = typeof shortSide === 'number' ? shortSide : shortSide.evaluation;
  return resizedSize(image, {...resize, shortSide: evaluated});
}

/** The sizes in pixels at which an image may be trained on, one for every short side of the config, in its order. */
export function trainingSizes(
  image: Size,
  {resize}: Pick<InputConfig, 'resize'>,
): readonly [Size, ...(readonly Size[])] {
  if (resize === null) return [image];
  const {shortSide} = resize;
  const sides = typeof shortSide === 'number' ? [shortSide] : shortSide.training;
  const [first, ...others] = sides.map(side => resizedSize(image, {...resize, shortSide: side}));
  if (first === undefined) throw new Error('the schema asks for at least one short side');
  return [first, ...others];
}

/** How an image is trained on in an epoch, whatever batch it is in: each of its sizes is as likely as any other. */
export function trainingView(
  image: Size & {readonly id: number},
  input: Pick<InputConfig, 'resize' | 'flip'>,
  seed: number,
  epoch: number,
): View {
  const [first, ...others] = trainingSizes(image, input);
  const drawn = new Random(seed, 'short-side', epoch, image.id).int(1 + others.length);
  const {width, height} = others[drawn - 1] ?? first;
  return {width, height, flip: new Random(seed, 'flip', epoch, image.id).uniform() < input.flip};
}
