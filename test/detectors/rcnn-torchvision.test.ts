/** Faster and Mask R-CNN against torchvision's: ResNet-50-FPN with the same weights, training steps and an inference. */
import * as tf from '@tensorflow/tfjs';
import type {ExecutionContext} from 'ava';
import {rcnnFpn} from '../../src/backbones/fpn.js';
import {resnet} from '../../src/backbones/resnet.js';
import type {EngineName} from '../../src/config/engine-choice.js';
import type {FasterRcnnConfig, MaskRcnnConfig} from '../../src/config/two-stage.js';
import type {Batch, ImageInfo} from '../../src/data/batch.js';
import type {Detections, Detector, StageLosses} from '../../src/detectors/detector.js';
import {fasterRcnn} from '../../src/detectors/faster-rcnn.js';
import {regionProposals} from '../../src/detectors/rpn.js';
import {Parameters} from '../../src/layers/parameters.js';
import type {Outline} from '../../src/masks/outline.js';
import {polygonsMask} from '../../src/masks/rasterize.js';
import {FAST_ENGINES, testsOn} from '../engines.js';
import {
  type GoldenTensor,
  largestDifference,
  type RetinaNetScene,
  readGolden,
} from '../fixtures/torchvision/golden.js';
import {assignRcnnWeights, ourRcnnName, rcnnValues} from '../fixtures/torchvision/rcnn.js';
import {goldenImages, goldenTargets} from '../fixtures/torchvision/retinanet.js';

type Losses = Readonly<
  Record<'loss_objectness' | 'loss_rpn_box_reg' | 'loss_classifier' | 'loss_box_reg' | 'loss_mask', number>
>;
type Counts = {readonly foreground: number; readonly examples: number};
/** Every `step`-th element of a tensor. */
type Samples = {readonly step: number; readonly values: readonly number[]};

/** `tied`: places of proposals with nearly the score of the next one, which may come in either order. */
type GoldenProposals = {readonly boxes: readonly number[]; readonly tied: readonly number[]};

type RcnnGolden = Pick<
  RetinaNetScene,
  'classes' | 'canvas' | 'images' | 'gradientNorms' | 'gradientSamples'
> & {
  readonly objects: readonly (RetinaNetScene['objects'][number] & {
    /** [G] polygons of [x, y, x, y, ...], and the run lengths of their pixels. */
    readonly polygons: readonly (readonly (readonly number[])[])[];
    readonly masks: readonly (readonly number[])[];
  })[];
  readonly tensors: readonly GoldenTensor[];
  readonly predictions: {readonly logits: Samples; readonly deltas: Samples};
  readonly steps: readonly {
    readonly images: readonly number[];
    readonly losses: Losses;
    readonly counts: Readonly<Record<'rpn' | 'roi', Counts>>;
    readonly proposals: readonly GoldenProposals[];
  }[];
  readonly gradientNormsWithoutMasks: Readonly<Record<string, number>>;
  readonly inference: {
    readonly proposals: readonly GoldenProposals[];
    readonly detections: readonly {
      readonly boxes: readonly number[];
      readonly scores: readonly number[];
      readonly labels: readonly number[];
      /** Run lengths, and the pixels whose probability is too near to the threshold to say what they are. */
      readonly masks: readonly (readonly number[])[];
      readonly undecided: readonly (readonly number[])[];
    }[];
  };
};

const test = testsOn(FAST_ENGINES);
const golden = readGolden<RcnnGolden>('rcnn.json');
const none = {kind: 'none'} as const;
const smoothL1 = {kind: 'smooth-l1', beta: 1 / 9} as const;
const byExamples = {classification: 'examples', box: 'examples'} as const;
const stage = {
  sampler: {kind: 'all'},
  classificationLoss: {kind: 'cross-entropy'},
  boxLoss: smoothL1,
  lossScaling: none,
  biasInit: {kind: 'zero'},
} as const;

const boxes: FasterRcnnConfig = {
  kind: 'faster-rcnn',
  backbone: {depth: 50, width: 1, norm: {kind: 'frozen-bn'}, freezeAt: 0, strideIn: '3x3'},
  fpn: {channels: 256, norm: none},
  rpn: {
    anchors: {baseSize: 8, scalesPerOctave: 1, aspectRatios: [0.5, 1, 2], legacyRounding: false},
    matcher: {foreground: 0.7, background: 0.3, lowQuality: true, ignoreBand: 'skip'},
    head: {layers: 1, channels: 256, norm: none},
    boxCoder: {weights: [1, 1, 1, 1]},
    straddle: null,
    normaliser: byExamples,
    boxLossWeight: 1,
    proposals: {
      training: {preNmsTopK: 120, postNmsTopK: 100},
      inference: {preNmsTopK: 80, postNmsTopK: 60},
      nmsThreshold: 0.7,
      minSize: 1e-3,
    },
  },
  roi: {
    pooling: {size: 7, samplingRatio: 2, aligned: false},
    levels: {canonicalSize: 224, canonicalLevel: 4, epsilon: 1e-6},
    head: {layers: 2, channels: 1024},
    classAgnostic: false,
    appendGroundTruth: true,
    matcher: {foreground: 0.5, background: 0.5, lowQuality: false, ignoreBand: 'skip'},
    boxCoder: {weights: [10, 10, 5, 5]},
    normaliser: byExamples,
    boxLossWeight: 1,
  },
  inference: {nmsThreshold: 0.5, maxDetections: 25},
  stages: {
    rpn: {...stage, scoreThreshold: {kind: 'fixed', theta: 0}},
    roi: {...stage, scoreThreshold: {kind: 'fixed', theta: 0.05}},
  },
};
const withMasks: MaskRcnnConfig = {
  ...boxes,
  kind: 'mask-rcnn',
  mask: {
    pooling: {size: 14, samplingRatio: 2, aligned: false},
    head: {layers: 4, channels: 256, norm: none},
    targets: 'roi-align',
    threshold: 0.5,
    paste: 'padded',
  },
};

/** At most a ten-thousandth from torchvision's values, or from `floor` where those are smaller. */
function agree(
  t: ExecutionContext,
  mine: ArrayLike<number>,
  expected: ArrayLike<number>,
  floor: number,
  what: string,
): void {
  const difference = largestDifference(mine, expected, floor);
  t.true(difference < 1e-4, `${what}: ${difference}`);
}

const detectors = new Map<EngineName, Detector>();

/** torchvision's Mask R-CNN on the engine that is open. */
function maskRcnnOn(engine: EngineName): Detector {
  const existing = detectors.get(engine);
  if (existing !== undefined) return existing;
  const detector = fasterRcnn(withMasks, {classes: golden.classes, seed: 1, imbalance: {}, inputStd: 58});
  assignRcnnWeights(detector.parameters, golden.tensors);
  detectors.set(engine, detector);
  return detector;
}

const infosOf = (indices: readonly number[]): ImageInfo[] =>
  indices.map(imageId => {
    const {height, width} = golden.images[imageId]!;
    return {imageId, height, width, originalHeight: height, originalWidth: width, scaleY: 1, scaleX: 1};
  });

function outlinesOf(index: number): Extract<Outline, {kind: 'polygons'}>[] {
  const {height, width} = golden.images[index]!;
  return golden.objects[index]!.polygons.map(polygons => ({
    kind: 'polygons',
    height,
    width,
    polygons: polygons.map(polygon => Float64Array.from(polygon)),
  }));
}

/** Images with their objects; the caller disposes of the images. */
function batchOf(indices: readonly number[]): Batch {
  const targets = goldenTargets(golden, indices).map((objects, i) => ({
    ...objects,
    outlines: outlinesOf(indices[i]!),
  }));
  return {images: goldenImages(golden, indices), infos: infosOf(indices), targets, iteration: 0};
}

type Stages = Readonly<Record<string, StageLosses>>;

const disposeLosses = (stages: Stages) => {
  for (const {classification, box, mask, total, w} of Object.values(stages)) {
    tf.dispose([classification, box, total, w, ...(mask === undefined ? [] : [mask])]);
  }
};

const lossNames = [
  'loss_objectness',
  'loss_rpn_box_reg',
  'loss_classifier',
  'loss_box_reg',
  'loss_mask',
] as const satisfies readonly (keyof Losses)[];

/** In the order of `lossNames`. */
const lossesOf = ({rpn, roi}: Stages): number[] =>
  [rpn!.classification, rpn!.box, roi!.classification, roi!.box, roi!.mask]
    .filter(loss => loss !== undefined)
    .map(loss => loss.dataSync()[0]!);

/** The boxes with tied neighbours as torchvision has them. */
function inOrderOf(boxes: Float32Array, {boxes: expected, tied}: GoldenProposals): Float32Array {
  const ordered = boxes.slice();
  for (const i of tied) {
    const [first, second] = [ordered.slice(4 * i, 4 * i + 4), ordered.slice(4 * i + 4, 4 * i + 8)];
    const wanted = expected.slice(4 * i, 4 * i + 4);
    if (largestDifference(second, wanted, 10) < largestDifference(first, wanted, 10)) {
      ordered.set(second, 4 * i);
      ordered.set(first, 4 * i + 4);
    }
  }
  return ordered;
}

test("the RPN's predictions and proposals are torchvision's, in their order", (t, engine) => {
  // The backbone and the RPN alone.
  maskRcnnOn(engine);
  const parameters = new Parameters();
  const scope = {parameters, seed: 1};
  const backbone = resnet(scope, boxes.backbone, 58);
  const pyramid = rcnnFpn(scope, boxes.fpn, backbone.channels);
  const rpn = regionProposals(scope, boxes.rpn, boxes.stages.rpn, {inChannels: 256, imbalance: undefined});
  assignRcnnWeights(
    parameters,
    golden.tensors.filter(([name]) => !name.startsWith('roi_heads.')),
  );
  const images = goldenImages(golden, [0, 1]);
  const predictions = tf.tidy(() => rpn.predict(pyramid(backbone.forward(images))));
  for (const [name, {step, values}] of Object.entries(golden.predictions)) {
    const all = predictions[name as 'logits' | 'deltas'].dataSync<'float32'>();
    const mine = values.map((_, i) => all[i * step]!);
    agree(t, mine, values, 1, name);
  }
  const [height, width] = golden.canvas;
  for (const [when, expected] of [
    ['training', golden.steps[2]!.proposals],
    ['inference', golden.inference.proposals],
  ] as const) {
    const proposals = rpn.propose(predictions, {height, width}, infosOf([0, 1]), when);
    for (const [i, ofImage] of expected.entries()) {
      const mine = inOrderOf(proposals[i]!.boxes, ofImage);
      agree(t, mine, ofImage.boxes, 10, `${when}, image ${i}`);
    }
  }
  tf.dispose([images, ...Object.values(predictions)]);
  parameters.dispose();
});

test("losses, N and N_f of steps on one and on two images are torchvision's", (t, engine) => {
  const detector = maskRcnnOn(engine);
  const before = tf.memory().numTensors;
  for (const {images, losses: expected, counts} of golden.steps) {
    const batch = batchOf(images);
    tf.tidy(() => {
      const losses = detector.losses(batch);
      const mine = lossesOf(losses);
      for (const [i, name] of lossNames.entries()) {
        agree(t, [mine[i]!], [expected[name]], 0, `${name} of ${images}`);
      }
      for (const [name, {examples, foreground}] of Object.entries(losses)) {
        t.deepEqual({examples, foreground}, counts[name as 'rpn' | 'roi']);
      }
    });
    batch.images.dispose();
  }
  t.is(tf.memory().numTensors, before);
});

/** Norms of the gradients of the step on image 0 by every parameter, and elements of some. */
function gradientsAgree(
  t: ExecutionContext,
  {parameters, losses}: Detector,
  norms: Readonly<Record<string, number>>,
  samples: RetinaNetScene['gradientSamples'],
): void {
  const before = tf.memory().numTensors;
  const {trainable} = parameters;
  const batch = batchOf([0]);
  const {value, grads} = tf.variableGrads(
    () =>
      tf.tidy(() => {
        const {rpn, roi} = losses(batch);
        return tf.add<tf.Scalar>(rpn!.total, roi!.total);
      }),
    trainable.map(({variable}) => variable),
  );
  const gradientOf = new Map(trainable.map(({name, variable}) => [name, grads[variable.name]!]));
  t.is(Object.keys(norms).length, gradientOf.size);
  for (const [name, expected] of Object.entries(norms)) {
    const values = gradientOf.get(ourRcnnName(name))!.dataSync<'float32'>();
    const mine = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
    agree(t, [mine], [expected], 0, name);
  }
  for (const [name, {at, value: expected}] of Object.entries(samples)) {
    const gradient = gradientOf.get(ourRcnnName(name))!;
    const [, shape] = golden.tensors.find(([tensor]) => tensor === name)!;
    // Where the elements of PyTorch's order are in ours.
    const order = Float32Array.from({length: tf.util.sizeFromShape([...shape])}, (_, i) => i);
    const positions = rcnnValues(name, order, shape, boxes.roi.pooling.size);
    const values = gradient.dataSync();
    const mine = at.map(i => values[positions.indexOf(i)]!);
    // Elements that are small beside the others are differences of large numbers.
    const scale = norms[name]! / Math.sqrt(gradient.size);
    agree(t, mine, expected, scale, name);
  }
  tf.dispose([batch.images, value, grads]);
  t.is(tf.memory().numTensors, before);
}

test("gradients of every filter and bias of Mask R-CNN are torchvision's", (t, engine) => {
  gradientsAgree(t, maskRcnnOn(engine), golden.gradientNorms, golden.gradientSamples);
});

/** Whether a pixel belongs to the mask, down the columns. */
function pixelsOf(runs: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(Array.from(runs).flatMap((length, i) => new Array<number>(length).fill(i % 2)));
}

function detectionsAgree(t: ExecutionContext, found: readonly Detections[]): void {
  for (const [index, {boxes: expected, scores, labels}] of golden.inference.detections.entries()) {
    const mine = found[index]!;
    t.is(mine.imageId, index);
    t.deepEqual([...mine.classes], labels);
    agree(t, mine.scores, scores, 0, 'values');
    agree(t, mine.boxes, expected, 10, 'values');
  }
}

test("Mask R-CNN's detections and pasted masks are torchvision's, best first", async (t, engine) => {
  const detector = maskRcnnOn(engine);
  const before = tf.memory().numTensors;
  const images = goldenImages(golden, [0, 1]);
  const found = await detector.detect({images, infos: infosOf([0, 1])});
  images.dispose();
  t.is(tf.memory().numTensors, before);
  detectionsAgree(t, found);
  for (const [index, {masks, undecided}] of golden.inference.detections.entries()) {
    const mine = found[index]!.masks!;
    t.is(mine.length, masks.length);
    for (const [d, runs] of masks.entries()) {
      const pixels = pixelsOf(mine[d]!.runs);
      const expected = pixelsOf(runs);
      for (const pixel of undecided[d]!) pixels[pixel] = expected[pixel]!;
      t.deepEqual(pixels, expected, `image ${index}, mask ${d}`);
    }
  }
});

test('Faster R-CNN is the same without masks: losses, gradients and detections', async (t, engine) => {
  maskRcnnOn(engine).parameters.dispose();
  const detector = fasterRcnn(boxes, {classes: golden.classes, seed: 1, imbalance: {}, inputStd: 58});
  assignRcnnWeights(
    detector.parameters,
    golden.tensors.filter(([name]) => !name.includes('mask')),
  );
  const batch = batchOf([0]);
  const losses = detector.losses(batch);
  const expected = lossNames.slice(0, 4).map(name => golden.steps[0]!.losses[name]);
  agree(t, lossesOf(losses), expected, 0, 'values');
  disposeLosses(losses);
  batch.images.dispose();
  gradientsAgree(t, detector, golden.gradientNormsWithoutMasks, {});
  const images = goldenImages(golden, [0, 1]);
  const found = await detector.detect({images, infos: infosOf([0, 1])});
  images.dispose();
  detectionsAgree(t, found);
  t.true(found.every(({masks}) => masks === undefined));
  detector.parameters.dispose();
});

test("the polygons' pixels are the masks that torchvision is trained on", t => {
  for (const [index, {masks}] of golden.objects.entries()) {
    for (const [object, outline] of outlinesOf(index).entries()) {
      const {runs} = polygonsMask(outline.polygons, outline.height, outline.width);
      t.deepEqual([...runs], masks[object]);
    }
  }
});
