/**
 * Which labelled examples enter the classification loss ("hard sampling" of the paper's Sec. 2): labels in, weights
 * out. Runs on the host; what it selects is a constant of the mini-batch.
 */
import type {Sampler} from '../config/stage.js';
import type {Random} from '../random/random.js';
import {sampleAll} from './all.js';
import {sampleIouBalanced} from './iou-balanced.js';
import {sampleMinibatchBiased} from './minibatch-biased.js';
import {sampleOhem} from './ohem.js';

/** What a sampler may use besides the labels of an image. What is costly is a function: it runs only where it is called. */
export type SamplingContext = {
  /** Keyed by iteration and image, so that runs repeat. */
  readonly random: Random;
  /** Position of the image in its mini-batch, from 0. */
  readonly image: number;
  /** Background examples have a smaller IoU than this: `backgroundLimit` of the matcher. */
  readonly backgroundIou: number;
  /** The object of a foreground example, -1 for all others. */
  readonly matches: Int32Array; // [A]
  /** The largest IoU of every example with any object: `largestOverlaps`. */
  overlaps(): Float32Array; // [A]
  /** The classification loss of every example, without gradient; that of ignored ones has no meaning. */
  losses(): Float32Array; // [A]
};

/**
 * Weights of the examples of one image: 1 where one is trained on, 0 where it is not (always 0 where ignored).
 *
 * @param labels [A]: -1 ignored, 0 background, 1..C class
 * @returns [A]
 */
export function sample(config: Sampler, labels: Int32Array, context: SamplingContext): Float32Array {
  switch (config.kind) {
    case 'all':
      return sampleAll(labels);
    case 'minibatch-biased':
      return sampleMinibatchBiased(labels, config, context.random);
    case 'ohem':
      return sampleOhem(labels, config, () => context.losses());
    case 'iou-balanced':
      return sampleIouBalanced(labels, config, context);
  }
}
