/** Darknet-53 as a backbone (Redmon and Farhadi, "YOLOv3: an incremental improvement", 2018, Table 1). */
import {z} from 'zod';
import {normSchema} from './network.js';

const blocks = z.int().nonnegative();

export const darknetSchema = z.strictObject({
  /** Residual blocks of the five stages, at strides 2 to 32: 1, 2, 8, 8, 4 in Darknet-53. */
  blocks: z.tuple([blocks, blocks, blocks, blocks, blocks]),
  /** Multiplies every channel count, to multiples of 8 (1 gives 32 channels in the stem and 1024 in the last stage). */
  width: z.number().positive(),
  norm: normSchema,
  /** How many of (stem, stage 1 to 5) keep their initial weights: 0 to 6. */
  freezeAt: z.int().min(0).max(6),
});

export type DarknetConfig = z.infer<typeof darknetSchema>;
