/**
 * Which labelled examples enter the classification loss ("hard sampling" of the paper's Sec. 2): labels in, weights
 * out. Runs on the host, before the step; what it selects is a constant of the mini-batch.
 */
import type {Sampler} from '../config/stage.js';
import type {Random} from '../random/random.js';
import {sampleAll} from './all.js';
import {sampleMinibatchBiased} from './minibatch-biased.js';

/** What a sampler may use besides the labels. `random` should be keyed by iteration and image, so that runs repeat. */
export type SamplingContext = {readonly random: Random};

/**
 * Weights of the anchors of one image: 1 where an anchor is trained on, 0 where it is not (always 0 where ignored).
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
  }
}
