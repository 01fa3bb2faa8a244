/**
 * How images are seen: the one way of evaluation and prediction, and what training draws anew for every image and epoch.
 * Whatever is random about an image in training is drawn here, from the seed, the epoch and the image alone; only the side of
 * a letterbox is that of the whole batch.
 */
import type {InputConfig} from '../config/run.js';
import {Random} from '../random/random.js';
import {type ColourShift, drawColours} from './colours.js';
import {centred, jittered, type Letterbox, type Placement} from './letterbox.js';
import {paddedSize, resizedSize, type Size} from './resize.js';

/** How an image enters a batch: its size after resizing, and whether it is mirrored left to right. */
export type View = Size & {
  readonly flip: boolean;
  /** Where it lies on a square of its own, mirrored or not; absent: at the top left, whatever the batch's size. */
  readonly placement?: Placement;
  readonly colours?: ColourShift;
  readonly limits?: ObjectLimits;
};

/** Which objects of a view are trained on. */
export type ObjectLimits = {
  /** Sides below this share of the canvas's are too short. */
  readonly minSide: number;
  /** So many of the others, drawn at random where there are more. */
  readonly maxObjects: number;
  readonly random: () => Random;
};

type ViewConfig = Pick<InputConfig, 'resize' | 'letterbox'>;

/** How an image is evaluated and predicted on. */
export function evaluationView(image: Size, {resize, letterbox}: ViewConfig): View {
  if (letterbox !== null) return {...centred(image, letterbox.side.evaluation), flip: false};
  if (resize === null) return {...sizeOf(image), flip: false};
  const {shortSide} = resize;
  const evaluated = typeof shortSide === 'number' ? shortSide : shortSide.evaluation;
  return {...resizedSize(image, {...resize, shortSide: evaluated}), flip: false};
}

/**
 * The sizes at which an image may be trained on, one for every short side or letterbox of the config, in its order; as they
 * are without augmentation.
 */
export function plainViews(
  image: Size,
  {resize, letterbox}: ViewConfig,
): readonly [View, ...(readonly View[])] {
  if (letterbox !== null) return nonEmpty(letterbox.side.training.map(side => centred(image, side)));
  if (resize === null) return nonEmpty([sizeOf(image)]);
  const {shortSide} = resize;
  const sides = typeof shortSide === 'number' ? [shortSide] : shortSide.training;
  return nonEmpty(sides.map(side => resizedSize(image, {...resize, shortSide: side})));
}

function nonEmpty(
  sizes: readonly (Size & {readonly placement?: Placement})[],
): readonly [View, ...(readonly View[])] {
  const [first, ...others] = sizes.map(size => ({...size, flip: false}));
  if (first === undefined) throw new Error('the schema asks for at least one size to train at');
  return [first, ...others];
}

/** Of the training batch that an image is in: the side of its letterbox, which is drawn for all of its images. */
export type BatchView = {readonly seed: number; readonly epoch: number; readonly side: number | undefined};

/** How an image is trained on in an epoch; each of its sizes is as likely as any other. */
export function trainingView(
  image: Size & {readonly id: number},
  input: ViewConfig & Pick<InputConfig, 'flip'>,
  {seed, epoch, side}: BatchView,
): View {
  const flip = new Random(seed, 'flip', epoch, image.id).uniform() < input.flip;
  const {letterbox} = input;
  if (letterbox !== null) {
    if (side === undefined) throw new Error('a letterbox has the side of its batch');
    const randomFor = (purpose: string) => new Random(seed, purpose, epoch, image.id);
    return letterboxView(image, letterbox, {side, flip, randomFor});
  }
  const [first, ...others] = plainViews(image, input);
  const drawn = new Random(seed, 'short-side', epoch, image.id).int(1 + others.length);
  return {...(others[drawn - 1] ?? first), flip};
}

function letterboxView(
  image: Size,
  {augmentation}: Letterbox,
  {
    side,
    flip,
    randomFor,
  }: {
    readonly side: number;
    readonly flip: boolean;
    readonly randomFor: (purpose: string) => Random;
  },
): View {
  const {width, height, placement} =
    augmentation === null
      ? centred(image, side)
      : jittered(image, side, augmentation.jitter, randomFor('placement'));
  const {left, ...rest} = placement;
  const view = {width, height, flip, placement: {...rest, left: flip ? side - left - width : left}};
  if (augmentation === null) return view;
  const {minSide, maxObjects} = augmentation;
  return {
    ...view,
    colours: drawColours(augmentation, randomFor('colours')),
    limits: {minSide, maxObjects, random: () => randomFor('objects')},
  };
}

/** The smallest canvas that holds a view, or its square, with sides that are multiples of `divisor`. */
export function canvasOf({placement, ...size}: Size & Pick<View, 'placement'>, divisor: number): Size {
  return paddedSize(placement?.canvas ?? size, divisor);
}

const sizeOf = ({width, height}: Size): Size => ({width, height});
