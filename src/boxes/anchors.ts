/**
 * Anchors of a feature pyramid: Lin et al., "Focal loss for dense object detection", Sec. 4. K anchors a cell, A over
 * all levels.
 *
 * Order in a cell: for every aspect ratio, all scales from small to large. This is the order of maskrcnn-benchmark
 * and torchvision, so their heads' channels fit; detectron2 has it the other way round.
 */
import type {AnchorsConfig} from '../config/network.js';
import {type Canvas, canvasCache} from './canvas.js';

/** Strides of P3 to P7. */
export const RETINANET_STRIDES: readonly number[] = [8, 16, 32, 64, 128];

export type LevelSize = {readonly stride: number; readonly height: number; readonly width: number};

/** Feature maps of a canvas, finest first: every level has ceil(canvas / stride) cells a side. */
export function levelSizes(canvas: Canvas, strides: readonly number[] = RETINANET_STRIDES): LevelSize[] {
  return strides.map(stride => ({
    stride,
    height: Math.ceil(canvas.height / stride),
    width: Math.ceil(canvas.width / stride),
  }));
}

/** Anchors in a cell: scales times aspect ratios. */
export function anchorsPerCell(config: AnchorsConfig): number {
  return config.scalesPerOctave * config.aspectRatios.length;
}

/** Anchors over all levels of a canvas. */
export function anchorCount(
  config: AnchorsConfig,
  canvas: Canvas,
  strides: readonly number[] = RETINANET_STRIDES,
): number {
  const cells = levelSizes(canvas, strides).reduce((sum, level) => sum + level.height * level.width, 0);
  return cells * anchorsPerCell(config);
}

/**
 * Anchors of the cell in the top left corner of a level, XYXY [K, 4]. A cell's side is baseSize * stride * 2^(i /
 * scalesPerOctave), its shape keeps that area, height / width is the aspect ratio.
 *
 * Plain anchors are centred at 0, so those of all cells sit on the multiples of the stride (torchvision, detectron2 at
 * offset 0).
 *
 * Legacy anchors are maskrcnn-benchmark's: a box of area stride^2 is rounded to whole pixels before it is scaled up,
 * and the centre is that of the stride's pixels, (stride - 1) / 2. That number belongs to inclusive corners, where
 * width = x2 - x1 + 1 and pixel i is the point i; in our continuous coordinates pixel i spans i to i + 1, the far
 * corner is one more, and the same centre is stride / 2. With boxes of COCO files taken as they are, IoU and box
 * deltas are then those of the inclusive "+ 1" arithmetic.
 */
export function cellAnchors(config: AnchorsConfig, stride: number): Float64Array {
  const anchors = new Float64Array(4 * anchorsPerCell(config));
  const centre = config.legacyRounding ? stride / 2 : 0;
  let o = 0;
  for (const aspectRatio of config.aspectRatios) {
    const [width, height] = config.legacyRounding
      ? legacyShape(stride, aspectRatio)
      : [stride / Math.sqrt(aspectRatio), stride * Math.sqrt(aspectRatio)];
    for (let i = 0; i < config.scalesPerOctave; i++) {
      const scale = config.baseSize * 2 ** (i / config.scalesPerOctave);
      anchors[o++] = centre - (width * scale) / 2;
      anchors[o++] = centre - (height * scale) / 2;
      anchors[o++] = centre + (width * scale) / 2;
      anchors[o++] = centre + (height * scale) / 2;
    }
  }
  return anchors;
}

function legacyShape(stride: number, aspectRatio: number): [width: number, height: number] {
  const width = roundHalfToEven(Math.sqrt((stride * stride) / aspectRatio));
  return [width, roundHalfToEven(width * aspectRatio)];
}

/** NumPy's rounding, which made the legacy shapes. */
function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * All anchors of a canvas, XYXY [A, 4]: by level, row, column, anchor of the cell. Anchors over the border and in the
 * padding are there too.
 */
export function pyramidAnchors(
  config: AnchorsConfig,
  canvas: Canvas,
  strides: readonly number[] = RETINANET_STRIDES,
): Float32Array {
  const anchors = new Float32Array(4 * anchorCount(config, canvas, strides));
  let o = 0;
  for (const {stride, height, width} of levelSizes(canvas, strides)) {
    // Single precision before the shift, as in torchvision: equal anchors at any cell stay equal to the last bit.
    const cell = new Float32Array(cellAnchors(config, stride));
    for (let row = 0; row < height; row++) {
      const y = row * stride;
      for (let column = 0; column < width; column++) {
        const x = column * stride;
        for (let i = 0; i < cell.length; i += 4) {
          anchors[o++] = cell[i]! + x;
          anchors[o++] = cell[i + 1]! + y;
          anchors[o++] = cell[i + 2]! + x;
          anchors[o++] = cell[i + 3]! + y;
        }
      }
    }
  }
  return anchors;
}

/** `pyramidAnchors` that remembers the `capacity` canvases used last (3.2 MB each at 800 x 1344): read, never write. */
export function anchorCache(
  config: AnchorsConfig,
  strides: readonly number[] = RETINANET_STRIDES,
  capacity?: number,
): (canvas: Canvas) => Float32Array {
  return canvasCache(canvas => pyramidAnchors(config, canvas, strides), capacity);
}
