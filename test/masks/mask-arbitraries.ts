/** Random masks for properties: small, so that a counterexample can be drawn. */
import fc from 'fast-check';
import {encodeMask, type Mask} from '../../src/masks/mask.js';

export type Sides = {readonly height: number; readonly width: number};

export const SIDES: fc.Arbitrary<Sides> = fc.record({
  height: fc.integer({min: 1, max: 12}),
  width: fc.integer({min: 1, max: 12}),
});

/** A mask with its pixels, row by row: half foreground, or a sixth. */
export function maskOf({
  height,
  width,
}: Sides): fc.Arbitrary<{readonly mask: Mask; readonly pixels: number[]}> {
  const count = {minLength: height * width, maxLength: height * width};
  return fc
    .oneof(fc.array(fc.integer({min: 0, max: 1}), count), fc.array(fc.constantFrom(0, 0, 0, 0, 0, 1), count))
    .map(pixels => ({mask: encodeMask(pixels, height, width), pixels}));
}
