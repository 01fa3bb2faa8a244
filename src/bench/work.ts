/**
 * What `sf bench` measures, described so well that another program can do the same: it is sent as JSON to the process of
 * either side.
 */

import type {ClassificationLoss} from '../config/stage.js';
import {MODELS, type ModelName, type Regions} from './models.js';

export const CONVOLUTION_DIRECTIONS = ['forward', 'input gradient', 'filter gradient'] as const;

/** One convolution with symmetric padding (size - 1) / 2, or one of its gradients, on normal noise. */
export type ConvolutionWork = {
  readonly kind: 'convolution';
  readonly direction: (typeof CONVOLUTION_DIRECTIONS)[number];
  readonly batch: number;
  /** Of the input, in pixels. */
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Side of the filter. */
  readonly size: number;
  readonly stride: number;
};

/** [rows, inner] by [inner, columns], normal noise. */
export type MatMulWork = {
  readonly kind: 'mat-mul';
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
};

/** Ground truth of one image. To a model with masks every object is the ellipse in its box. */
export type Objects = {
  readonly boxes: readonly (readonly [x1: number, y1: number, x2: number, y2: number])[];
  /** 1..C. */
  readonly classes: readonly number[];
};

/**
 * A training step of a detector (losses, gradients of every layer, SGD with momentum), or its inference with
 * non-maximum suppression. One image an entry of `objects`, of normal noise; every size is what the network sees.
 */
export type DetectorWork = {
  readonly kind: 'train' | 'inference';
  readonly model: ModelName;
  readonly height: number;
  readonly width: number;
  /** C, foreground classes. */
  readonly classes: number;
  readonly objects: readonly Objects[]; // [B]
  /** What the sampler of a RoI-subnet draws from every image: no fewer, or the step fails. */
  readonly regions?: Regions;
};

/** A classification loss of a dense stage and its gradient with respect to the logits, which are normal noise. */
export type LossWork = {
  readonly kind: 'loss';
  readonly loss: ClassificationLoss;
  readonly batch: number;
  /** Examples of an image on every level of the pyramid. */
  readonly levelCounts: readonly number[];
  readonly classes: number;
};

/** As many numbers read and written, to compare losses with: as fast as memory is. */
export type CopyWork = {readonly kind: 'copy'; readonly numbers: number};

export type Work = ConvolutionWork | MatMulWork | DetectorWork | LossWork | CopyWork;

/** Images that one repetition takes, where that is what it takes. */
export function imagesOf(work: Work): number | undefined {
  return work.kind === 'train' || work.kind === 'inference' ? work.objects.length : undefined;
}

/** Of all images. */
export function examplesOf({batch, levelCounts}: LossWork): number {
  return batch * levelCounts.reduce((sum, count) => sum + count, 0);
}

const LOSS_TITLES: Readonly<Record<ClassificationLoss['kind'], string>> = {
  'cross-entropy': 'cross-entropy',
  focal: 'focal loss',
  'ghm-c': 'GHM-C',
};

/** The work in a few words, as the table names it. */
export function titleOf(work: Work): string {
  switch (work.kind) {
    case 'convolution': {
      const {size, inChannels, outChannels, stride, height, width, direction, batch} = work;
      const filter = `${size}x${size}${stride === 1 ? '' : `/${stride}`}, ${inChannels} to ${outChannels}`;
      return `convolution ${filter} channels, ${batch}x${height}x${width}, ${direction}`;
    }
    case 'mat-mul':
      return `product ${work.rows}x${work.inner} by ${work.inner}x${work.columns}`;
    case 'loss': {
      const {loss, batch, classes} = work;
      return `${LOSS_TITLES[loss.kind]} and its gradient, ${batch}x${examplesOf(work) / batch}x${classes}`;
    }
    case 'copy':
      return `copy of ${work.numbers} numbers`;
    case 'train':
      return `${MODELS[work.model].title} training step, batch ${work.objects.length}`;
    case 'inference':
      return `${MODELS[work.model].title} inference, batch ${work.objects.length}`;
  }
}
