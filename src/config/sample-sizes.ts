/**
 * The size n of a sampled mini-batch (Sec. 2: 256 anchors and 512 proposals an image on COCO) belongs to the scale of a run as
 * the number of proposals does, and a preset may not touch `model.stages`. It says `sampleSizes: {rpn: 64}` instead: the n of
 * that stage's sampler, whichever it is, wherever the sampler has one.
 */
import {z} from 'zod';
import {merge, partAt, putAt, replace, type Tree} from './tree.js';

/** By stage, examples an image. A key of config files and flags; a run's resolved config holds the n that came of it. */
export const sampleSizesSchema = z.record(z.string(), z.int().positive());

export type SampleSizes = Readonly<z.infer<typeof sampleSizesSchema>>;

/** Its name at the top of a config. */
export const SAMPLE_SIZES = 'sampleSizes';

/** `tree` with the samplers of its stages at the sizes that `layer` has for them; samplers without n stay as they are. */
export function scaleSamples(tree: Tree, layer: Tree): Tree {
  const sizes = partAt(layer, [SAMPLE_SIZES]);
  if (sizes?.kind !== 'map') return tree;
  let scaled = tree;
  for (const [stage, n] of sizes.entries) {
    const path = ['model', 'stages', stage, 'sampler', 'n'];
    if (partAt(tree, path) !== undefined) scaled = putAt(scaled, path, n, replace);
  }
  return scaled;
}

/**
 * A file over what it extends, or a preset over a config: its sampleSizes act on the samplers below it, and what it or
 * anything above it says of a sampler stands.
 */
export function overlay(lower: Tree, upper: Tree): Tree {
  return merge(scaleSamples(lower, upper), upper);
}
