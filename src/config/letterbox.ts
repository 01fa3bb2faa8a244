/** Square inputs as darknet makes them: `[net]` and `[yolo]` of its .cfg files say the same under other names. */
import {z} from 'zod';

/** Detectors halve their input five times. */
const side = z.int().positive().multipleOf(32);
const factor = z.number().min(1);

export const letterboxSchema = z.strictObject({
  /** Sides of the square in pixels: those that training draws from, a side for whole batches, and that of evaluation. */
  side: z.strictObject({training: z.array(side).min(1), evaluation: side}),
  /** Batches between two draws of the side (10). */
  redrawEvery: z.int().positive(),
  /** Sides that are drawn less than so many batches before the end of the training are the largest (200). */
  largestForLast: z.int().nonnegative(),
  /** What training does to images besides flipping; null: nothing. */
  augmentation: z
    .strictObject({
      /** Width and height of an image change by up to this share of them before it is fitted in; its place is free. */
      jitter: z.number().min(0).lt(1),
      /** The largest turn of the hue, in turns of the colour circle. */
      hue: z.number().min(0).max(0.5),
      /** The largest factors; their inverses are the smallest. */
      saturation: factor,
      exposure: factor,
      /** Objects are left out where a side of their box is a smaller share of the square's (0.001). */
      minSide: z.number().min(0).lt(1),
      /** Of an image with more objects, so many are drawn. */
      maxObjects: z.int().positive(),
    })
    .nullable(),
});

export type LetterboxConfig = z.infer<typeof letterboxSchema>;
