import test from 'ava';
import {
  anchorCache,
  anchorCount,
  anchorsPerCell,
  cellAnchors,
  levelSizes,
  pyramidAnchors,
} from '../../src/boxes/anchors.js';
import type {AnchorsConfig} from '../../src/config/network.js';
import {largestDifference, readGolden} from '../fixtures/torchvision/golden.js';

const RETINANET: AnchorsConfig = {
  baseSize: 4,
  scalesPerOctave: 3,
  aspectRatios: [0.5, 1, 2],
  legacyRounding: false,
};

type GoldenCase = AnchorsConfig & {
  readonly canvas: readonly [number, number];
  readonly count: number;
  readonly anchors: readonly number[];
};

const golden = readGolden<{
  readonly whole: GoldenCase & {readonly last: readonly number[]; readonly sum: number};
  readonly plain: GoldenCase & {readonly rows: readonly number[]};
}>('anchors.json');

const configOf = ({baseSize, scalesPerOctave, aspectRatios}: GoldenCase): AnchorsConfig => ({
  baseSize,
  scalesPerOctave,
  aspectRatios,
  legacyRounding: false,
});
const canvasOf = ({canvas: [height, width]}: GoldenCase) => ({height, width});

/** Width and height of every box. */
const shapes = (boxes: Float64Array): number[][] =>
  Array.from({length: boxes.length / 4}, (_, i) => [
    boxes[4 * i + 2]! - boxes[4 * i]!,
    boxes[4 * i + 3]! - boxes[4 * i + 1]!,
  ]);

test('a canvas of 800 x 1344 has the 201,600 anchors of RetinaNet and 800 x 1088 has 163,206', t => {
  // (100 * 168 + 50 * 84 + 25 * 42 + 13 * 21 + 7 * 11) cells of 9 anchors
  t.is(anchorCount(RETINANET, {height: 800, width: 1344}), 201_600);
  t.is(pyramidAnchors(RETINANET, {height: 800, width: 1344}).length, 4 * 201_600);
  t.is(anchorCount(RETINANET, {height: 800, width: 1088}), 163_206);
});

test('levels round up where the canvas is no multiple of the stride', t => {
  const sizes = levelSizes({height: 800, width: 1344}).map(({stride, height, width}) => [
    stride,
    height,
    width,
  ]);
  t.deepEqual(sizes, [
    [8, 100, 168],
    [16, 50, 84],
    [32, 25, 42],
    [64, 13, 21],
    [128, 7, 11],
  ]);
});

test('plain anchors of a cell are centred at 0, keep their area and go through all scales of one aspect ratio first', t => {
  const cell = cellAnchors(RETINANET, 8);
  t.is(cell.length, 4 * anchorsPerCell(RETINANET));
  for (const [i, [width, height]] of shapes(cell).entries()) {
    const side = 32 * 2 ** ((i % 3) / 3);
    t.true(Math.abs(width! * height! - side * side) < 1e-9);
    t.true(Math.abs(height! / width! - [0.5, 1, 2][Math.floor(i / 3)]!) < 1e-12);
    t.is(cell[4 * i]!, -cell[4 * i + 2]!);
    t.is(cell[4 * i + 1]!, -cell[4 * i + 3]!);
  }
  t.deepEqual([...cell.subarray(12, 16)], [-16, -16, 16, 16]);
});

test("legacy anchors have maskrcnn-benchmark's rounded shapes", t => {
  const legacy = {...RETINANET, scalesPerOctave: 1, legacyRounding: true};
  const retinanet = [8, 16, 32, 64, 128].map(stride => shapes(cellAnchors(legacy, stride)));
  t.deepEqual(retinanet, [
    [
      [44, 24],
      [32, 32],
      [24, 48],
    ],
    [
      [92, 48],
      [64, 64],
      [44, 88],
    ],
    [
      [180, 88],
      [128, 128],
      [92, 184],
    ],
    [
      [364, 184],
      [256, 256],
      [180, 360],
    ],
    [
      [724, 360],
      [512, 512],
      [364, 728],
    ],
  ]);
  // The RPN's: stride 4 to 64, base size 8 strides.
  const rpn = [4, 8, 16, 32, 64].map(stride => shapes(cellAnchors({...legacy, baseSize: 8}, stride)));
  t.deepEqual(rpn, [
    [
      [48, 24],
      [32, 32],
      [24, 48],
    ],
    [
      [88, 48],
      [64, 64],
      [48, 96],
    ],
    [
      [184, 96],
      [128, 128],
      [88, 176],
    ],
    [
      [360, 176],
      [256, 256],
      [184, 368],
    ],
    [
      [728, 368],
      [512, 512],
      [360, 720],
    ],
  ]);
});

test('legacy anchors minus 1 at the far corner are the inclusive corners of Faster R-CNN, centred at (stride - 1) / 2', t => {
  // generate_anchors of py-faster-rcnn for stride 16, scale 8: the first rows of its published table, 0-based.
  const legacy = {baseSize: 8, scalesPerOctave: 1, aspectRatios: [0.5, 1, 2], legacyRounding: true};
  const inclusive = cellAnchors(legacy, 16).map((value, i) => (i % 4 < 2 ? value : value - 1));
  t.deepEqual([...inclusive], [-84, -40, 99, 55, -56, -56, 71, 71, -36, -80, 51, 95]);
});

test('later scales of a legacy anchor are not rounded again', t => {
  const [[w0, h0], [w1, h1]] = shapes(cellAnchors({...RETINANET, legacyRounding: true}, 8)) as [
    number[],
    number[],
  ];
  t.deepEqual([w0, h0], [44, 24]);
  t.true(Math.abs(w1! - 44 * 2 ** (1 / 3)) < 1e-9 && Math.abs(h1! - 24 * 2 ** (1 / 3)) < 1e-9);
});

test("torchvision's anchors at shapes that it does not round are equal to the last bit", t => {
  const anchors = pyramidAnchors(configOf(golden.whole), canvasOf(golden.whole));
  t.is(anchors.length, 4 * golden.whole.count);
  t.is(largestDifference(anchors.subarray(0, golden.whole.anchors.length), golden.whole.anchors, 1), 0);
  t.is(largestDifference(anchors.subarray(-golden.whole.last.length), golden.whole.last, 1), 0);
  t.is(
    anchors.reduce((sum, value) => sum + value, 0),
    golden.whole.sum,
  );
});

test("torchvision's grid of un-rounded RetinaNet anchors is reproduced within single precision", t => {
  const anchors = pyramidAnchors(RETINANET, canvasOf(golden.plain));
  t.is(anchors.length, 4 * golden.plain.count);
  const rows = golden.plain.rows.flatMap(row => [...anchors.subarray(4 * row, 4 * row + 4)]);
  t.true(largestDifference(rows, golden.plain.anchors, 1) < 1e-6);
});

test('the cache returns the same array for a canvas and forgets the one used least recently', t => {
  const anchorsOf = anchorCache(RETINANET, [8, 16, 32, 64, 128], 2);
  const a = anchorsOf({height: 64, width: 64});
  const b = anchorsOf({height: 64, width: 128});
  t.is(anchorsOf({height: 64, width: 64}), a);
  anchorsOf({height: 128, width: 128}); // drops b
  t.is(anchorsOf({height: 64, width: 64}), a);
  const again = anchorsOf({height: 64, width: 128});
  t.not(again, b);
  t.deepEqual(again, b);
});
