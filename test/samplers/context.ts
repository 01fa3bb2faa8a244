/** What a sampler is given in tests: by default nothing that costs anything, which it then must not ask for. */
import {Random} from '../../src/random/random.js';
import type {SamplingContext} from '../../src/samplers/sampler.js';

export function samplingContext(
  given: Partial<SamplingContext> & {readonly seed?: number} = {},
): SamplingContext {
  const {seed = 1, ...context} = given;
  return {
    random: new Random(seed, 'test'),
    image: 0,
    backgroundIou: 0.5,
    matches: new Int32Array(0),
    overlaps: () => {
      throw new Error('overlaps are not needed here');
    },
    losses: () => {
      throw new Error('losses are not needed here');
    },
    ...context,
  };
}
