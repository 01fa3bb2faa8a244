/**
 * The models of a benchmark: R-50-FPN as torchvision's functions of the same names build it, with the stride in the 3x3
 * convolution, frozen batch norm, and every layer trained (`retinanet_resnet50_fpn`, `fasterrcnn_resnet50_fpn`,
 * `maskrcnn_resnet50_fpn`).
 */

export type ModelName = 'retinanet' | 'faster-rcnn' | 'mask-rcnn';

export type BenchmarkModel = {
  /** As tables name it. */
  readonly title: string;
  /** The shipped config, and what makes it torchvision's model. */
  readonly config: string;
  readonly overrides: readonly string[];
  /** C: the foreground classes of torchvision's default, which counts background among those of the two-stage models. */
  readonly classes: number;
  /** Of models that have a RoI-subnet. */
  readonly regions?: Regions;
};

/** What one image gives a RoI-subnet to train on: foreground regions are objects, and have masks. */
export type Regions = {readonly examples: number; readonly foreground: number};

/** The defaults of torchvision and of maskrcnn-benchmark. */
const REGIONS: Regions = {examples: 512, foreground: 128};

/**
 * From this IoU with an object on, a region is foreground. A trained network finds more of them at 0.5 than the sampler
 * takes; one that is not trained finds next to none, and its mask head would have next to nothing to do. With this it has
 * enough of them too, of 2000 proposals that are small beside the objects. `against_torchvision.py` does the same.
 */
const FOREGROUND_IOU = 0.002;

const BACKBONE = ['model.backbone.freezeAt=0', 'model.backbone.strideIn=3x3'];

const TWO_STAGES = [
  ...BACKBONE,
  'model.rpn.straddle=null',
  'model.rpn.proposals.training={preNmsTopK: 2000, postNmsTopK: 2000}',
  'model.rpn.proposals.minSize=0.001',
  `model.roi.matcher={foreground: ${FOREGROUND_IOU}, background: ${FOREGROUND_IOU}, lowQuality: false, ignoreBand: skip}`,
  'model.stages.roi.boxLoss={kind: smooth-l1, beta: 0.1111111111111111}',
];

export const MODELS: Readonly<Record<ModelName, BenchmarkModel>> = {
  retinanet: {
    title: 'RetinaNet',
    config: 'retinanet_R_50_FPN_1x',
    overrides: [
      ...BACKBONE,
      'model.fpn.p6From=p5',
      'model.boxCoder.weights=[1, 1, 1, 1]',
      'model.normaliser={classification: foreground, box: foreground}',
      'model.stages.dense.boxLoss={kind: l1}',
    ],
    classes: 91,
  },
  'faster-rcnn': {
    title: 'Faster R-CNN',
    config: 'faster_rcnn_R_50_FPN_1x',
    overrides: TWO_STAGES,
    classes: 90,
    regions: REGIONS,
  },
  'mask-rcnn': {
    title: 'Mask R-CNN',
    config: 'mask_rcnn_R_50_FPN_1x',
    overrides: [...TWO_STAGES, 'model.mask.targets=roi-align'],
    classes: 90,
    regions: REGIONS,
  },
};
