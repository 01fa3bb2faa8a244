/** Random images for sampler properties: small, with ties, with IoUs on the edges of bins, and with losses that diverged. */
import fc from 'fast-check';
import type {Sampler} from '../../src/config/stage.js';
import type {Scene} from './reference-rules.js';

const BACKGROUND_IOU = 0.5;

/** A twelfth of 0.5 and of 1, and the float32 next to them, lie on the edges of 2, 3, 4 and 6 bins. */
const iou = fc.oneof(
  {weight: 2, arbitrary: fc.constant(0)},
  {weight: 2, arbitrary: fc.integer({min: 0, max: 24}).map(k => Math.fround(k / 24))},
  {weight: 3, arbitrary: fc.float({min: 0, max: 1, noNaN: true})},
);

const loss = fc.oneof(
  {weight: 3, arbitrary: fc.integer({min: 0, max: 5})},
  {weight: 3, arbitrary: fc.float({min: 0, max: 50, noNaN: true})},
  {weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0)},
);

const example = fc.record({
  label: fc.constantFrom(-1, 0, 0, 0, 1, 2),
  object: fc.integer({min: 0, max: 4}),
  iou,
  loss,
});

export const scenes: fc.Arbitrary<Scene> = fc
  .record({examples: fc.array(example, {maxLength: 60}), image: fc.integer({min: 0, max: 2})})
  .map(({examples, image}) => ({
    labels: Int32Array.from(examples, ({label}) => label),
    matches: Int32Array.from(examples, ({label, object}) => (label > 0 ? object : -1)),
    overlaps: Float32Array.from(examples, one => one.iou),
    losses: Float32Array.from(examples, one => one.loss),
    image,
    backgroundIou: BACKGROUND_IOU,
  }));

const size = {n: fc.integer({min: 1, max: 40}), fraction: fc.constantFrom(0.01, 0.25, 0.3, 0.5, 0.9)};

const floor = fc.record({
  threshold: fc.constantFrom(0, 0.05, 1 / 3),
  fraction: fc.constantFrom(0, 0.3, 0.5, 1),
});

export const iouBalancedConfigs = fc.record({
  kind: fc.constant('iou-balanced' as const),
  ...size,
  bins: fc.integer({min: 1, max: 5}),
  floor: fc.option(floor),
  quirks: fc.constantFrom('none' as const, 'reference' as const),
});

export const ohemConfigs = fc.record({kind: fc.constant('ohem' as const), ...size});

export const samplers: fc.Arbitrary<Sampler> = fc.oneof(
  fc.record({kind: fc.constant('minibatch-biased' as const), ...size}),
  ohemConfigs,
  iouBalancedConfigs,
);
