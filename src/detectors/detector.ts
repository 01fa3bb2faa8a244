/** What the six detectors have in common. Shape letters: B images, A anchors of all levels, G objects, C classes. */
import type {Scalar} from '@tensorflow/tfjs';
import type {Batch, ImageBatch} from '../data/batch.js';
import type {Parameters} from '../layers/parameters.js';
import type {Mask} from '../masks/mask.js';
import type {Imbalance} from '../sampling-free/imbalance.js';

/** Losses of one stage of one mini-batch. Scalars are on the tape; counts are constants of this mini-batch. */
export type StageLosses = {
  /** Normalised classification loss before scaling: L_CLS. */
  readonly classification: Scalar;
  /** Normalised box loss: L_REG. */
  readonly box: Scalar;
  /** Loss of the masks, where a stage has any: no part of what Eq. 5 scales. */
  readonly mask?: Scalar;
  /** L_REG + w L_CLS (Eq. 5), plus the masks' loss: the value that is minimised. */
  readonly total: Scalar;
  /** The scale of this mini-batch, Eq. 8 times its gain where guided. */
  readonly w: Scalar;
  /** Examples that count in the classification loss, and the foreground ones among them. */
  readonly examples: number;
  readonly foreground: number;
};

/** Detections of one image, by falling score, in pixels of the image file. D detections. */
export type Detections = {
  readonly imageId: number;
  readonly boxes: Float32Array; // [D, 4] XYXY
  readonly scores: Float32Array; // [D]
  readonly classes: Int32Array; // [D], 1..C
  /** Of detectors that detect masks; each of the image file's size. */
  readonly masks?: readonly Mask[]; // [D]
};

/** What building a detector needs besides its config. */
export type DetectorOptions = {
  /** C, foreground classes. */
  readonly classes: number;
  /** Draws the initial weights and the samples. */
  readonly seed: number;
  /** N and N_f of the training set by stage; needed by the optimal bias and the adaptive threshold. */
  readonly imbalance: Readonly<Record<string, Imbalance>>;
  /** Mean divisor of the image normalisation. */
  readonly inputStd: number;
};

export type Detector = {
  readonly parameters: Parameters;
  /** Losses by stage name; the caller owns every tensor. Call inside `tf.variableGrads` to differentiate. */
  losses(batch: Batch): Readonly<Record<string, StageLosses>>;
  detect(batch: ImageBatch): Promise<readonly Detections[]>;
};
