/**
 * FoveaBox (Kong et al., "FoveaBox: Beyond anchor-based object detector", 2019), which has points where others have anchors.
 * One stage, `dense`.
 */
import {z} from 'zod';
import {backboneSchema, denseInferenceSchema, fpnSchema, headSchema, normaliserSchema} from './network.js';
import {type Sampler, samplerSchema, stageSchema} from './stage.js';

const positive = z.number().positive();

/** What one level of the pyramid is trained to find. */
export const foveaLevelSchema = z.strictObject({
  /** z_l of the paper's Eq. 3, in pixels: the distance of a side from a point that is predicted as 0. */
  baseEdge: positive,
  /**
   * Smallest and largest root of an object's area, in pixels, both included. Ranges of neighbouring levels may overlap:
   * an object is then found at all of them; objects in no range are background.
   */
  scales: z
    .tuple([z.number().nonnegative(), positive])
    .refine(([smallest, largest]) => smallest <= largest, 'the smaller scale first'),
});

const [all, minibatchBiased, ohem] = samplerSchema.options;

/** All samplers but those by IoU, which points have none of. */
const pointSamplerSchema = z.discriminatedUnion('kind', [all, minibatchBiased, ohem]) satisfies z.ZodType<
  Exclude<Sampler, {kind: 'iou-balanced'}>
>;

export const foveaboxSchema = z.strictObject({
  kind: z.literal('foveabox'),
  backbone: backboneSchema,
  fpn: fpnSchema,
  assignment: z.strictObject({
    /** P3 to P7. */
    levels: z.array(foveaLevelSchema).length(5),
    /** The middle part of an object, of this share of its width and height, is foreground. */
    sigma: z.number().gt(0).max(1),
  }),
  head: headSchema,
  normaliser: normaliserSchema,
  inference: denseInferenceSchema,
  stages: z.strictObject({dense: z.strictObject({...stageSchema.shape, sampler: pointSamplerSchema})}),
});

export type FoveaLevel = z.infer<typeof foveaLevelSchema>;
export type FoveaBoxConfig = z.infer<typeof foveaboxSchema>;
export type FoveaAssignment = FoveaBoxConfig['assignment'];
