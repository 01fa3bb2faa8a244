/** The cases of `sf bench`: a new one is an entry of CASES, and a kind of work that both sides know. */
import type {ClassificationLoss} from '../config/stage.js';
import {Random} from '../random/random.js';
import {MODELS, type ModelName} from './models.js';
import {
  CONVOLUTION_DIRECTIONS,
  type ConvolutionWork,
  type DetectorWork,
  type Objects,
  type Work,
} from './work.js';

/** RetinaNet's cases came first and have the short names. */
export type CaseName =
  | 'convolution'
  | 'mat-mul'
  | 'loss'
  | DetectorWork['kind']
  | `${Exclude<ModelName, 'retinanet'>}-${DetectorWork['kind']}`;

export type CaseSettings = {
  /** Of the images, in pixels. */
  readonly height: number;
  readonly width: number;
  /** Images a batch; the first two cases take the largest. */
  readonly batches: readonly number[];
  readonly onGpu: boolean;
};

export type Case = {
  readonly name: CaseName;
  /** As `sf bench --help` shows it. */
  readonly summary: string;
  /** Repetitions before those that count, and the number of those, unless the command says otherwise. */
  readonly warmup: number;
  readonly repeat: number;
  /** Each group has a process of its own on either side, so that the peak memory of a group of one is of its work alone. */
  readonly groups: (settings: CaseSettings) => readonly (readonly Work[])[];
};

const OBJECTS_AN_IMAGE = 10;
const ANCHORS_A_CELL = 9;

/** 100,000 anchors, on five levels of a quarter each; classes as COCO has them. */
const LOSS_LEVELS: readonly number[] = [75_068, 18_767, 4_692, 1_173, 300];
const LOSS_CLASSES = 80;
const LOSSES: readonly ClassificationLoss[] = [
  {kind: 'cross-entropy'},
  {kind: 'focal', alpha: 0.25, gamma: 2},
  {kind: 'ghm-c', bins: 30, momentum: 0.75},
];
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

export const CASES: readonly Case[] = [
  {
    name: 'convolution',
    summary: 'convolutions of RetinaNet R-50-FPN at this size, forward and both gradients',
    warmup: 2,
    repeat: 7,
    groups: settings => [convolutions(settings)],
  },
  {
    name: 'mat-mul',
    summary: 'a square product, and the first one of a box head over 512 regions',
    warmup: 1,
    repeat: 5,
    groups: ({onGpu}) => {
      const side = onGpu ? 4096 : 1024;
      return [
        [
          {kind: 'mat-mul', rows: side, inner: side, columns: side},
          {kind: 'mat-mul', rows: 512, inner: 256 * 7 * 7, columns: 1024},
        ],
      ];
    },
  },
  {
    name: 'loss',
    summary: 'focal loss, cross-entropy and GHM-C with their gradients, beside the speed of a copy',
    warmup: 3,
    repeat: 9,
    groups: () => [
      [
        {kind: 'copy', numbers: 2 * sum(LOSS_LEVELS) * LOSS_CLASSES},
        ...LOSSES.map(
          loss => ({kind: 'loss', loss, batch: 2, levelCounts: LOSS_LEVELS, classes: LOSS_CLASSES}) as const,
        ),
      ],
    ],
  },
  ...(['retinanet', 'faster-rcnn', 'mask-rcnn'] as const).flatMap(model => [
    detectorCase('train', model),
    detectorCase('inference', model),
  ]),
];

/** The head's towers and its class predictor on P3, a 1x1 and a strided 3x3 of the backbone, and the stem. */
function convolutions({height, width, batches}: CaseSettings): readonly ConvolutionWork[] {
  const at = (stride: number) => ({
    batch: Math.max(...batches),
    height: Math.ceil(height / stride),
    width: Math.ceil(width / stride),
  });
  const layers = [
    {...at(8), inChannels: 256, outChannels: 256, size: 3, stride: 1},
    {...at(8), inChannels: 256, outChannels: ANCHORS_A_CELL * MODELS.retinanet.classes, size: 3, stride: 1},
    {...at(16), inChannels: 1024, outChannels: 256, size: 1, stride: 1},
    {...at(4), inChannels: 128, outChannels: 128, size: 3, stride: 2},
    {...at(1), inChannels: 3, outChannels: 64, size: 7, stride: 2},
  ];
  return layers.flatMap(layer =>
    CONVOLUTION_DIRECTIONS
      // Nobody asks for the gradient of the pixels.
      .filter(direction => layer.inChannels > 3 || direction !== 'input gradient')
      .map(direction => ({kind: 'convolution', direction, ...layer}) as const),
  );
}

function detectorCase(kind: DetectorWork['kind'], model: ModelName): Case {
  const {title, classes, regions} = MODELS[model];
  return {
    name: model === 'retinanet' ? kind : `${model}-${kind}`,
    summary: {
      train: `a training step of ${title} R-50-FPN, all layers trained`,
      inference: `inference of ${title} R-50-FPN, with non-maximum suppression`,
    }[kind],
    warmup: 2,
    repeat: 5,
    groups: ({height, width, batches}) =>
      batches.map(batch => {
        const objects = Array.from({length: batch}, (_, image) =>
          randomObjects({height, width, classes, image}),
        );
        return [{kind, model, height, width, classes, objects, ...(regions && {regions})}];
      }),
  };
}

type ObjectsOf = {
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  readonly image: number;
};

/** Boxes with sides of a tenth to a half of the image's, anywhere inside. */
function randomObjects({height, width, classes, image}: ObjectsOf): Objects {
  const random = new Random(0, 'objects of a benchmark', image);
  const boxes = Array.from({length: OBJECTS_AN_IMAGE}, () => {
    const [boxWidth, boxHeight] = [width * random.uniform(0.1, 0.5), height * random.uniform(0.1, 0.5)];
    const [x1, y1] = [random.uniform(0, width - boxWidth), random.uniform(0, height - boxHeight)];
    return [x1, y1, x1 + boxWidth, y1 + boxHeight] as const;
  });
  return {boxes, classes: boxes.map(() => 1 + random.int(classes))};
}
