/**
 * Axis-aligned boxes: flat arrays of four numbers a box, XYXY, continuous (width = x2 - x1), in pixels. A box whose
 * sides are not positive has no area.
 */
/** Flat boxes [n, 4]; single precision next to tensors, double precision next to annotation files. */
export type Boxes = Float32Array | Float64Array;

/** Number of boxes. */
export function boxCount(boxes: Boxes): number {
  return boxes.length / 4;
}

/** Area of box `i` in square pixels; 0 for boxes without interior. */
export function boxArea(boxes: Boxes, i: number): number {
  const o = 4 * i;
  return Math.max(boxes[o + 2]! - boxes[o]!, 0) * Math.max(boxes[o + 3]! - boxes[o + 1]!, 0);
}

/** Area that box `i` of `a` and box `j` of `b` have in common, in square pixels. */
export function intersectionArea(a: Boxes, i: number, b: Boxes, j: number): number {
  const p = 4 * i;
  const q = 4 * j;
  const width = Math.min(a[p + 2]!, b[q + 2]!) - Math.max(a[p]!, b[q]!);
  const height = Math.min(a[p + 3]!, b[q + 3]!) - Math.max(a[p + 1]!, b[q + 1]!);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union of box `i` of `a` and box `j` of `b`; 0, not NaN, when neither has an area. */
export function boxIou(a: Boxes, i: number, b: Boxes, j: number): number {
  const intersection = intersectionArea(a, i, b, j);
  return intersection === 0 ? 0 : intersection / (boxArea(a, i) + boxArea(b, j) - intersection);
}

/**
 * COCO's overlap of detection `i` with the crowd region `j`: the fraction of the detection that lies in the region,
 * since a crowd may hold any number of objects.
 */
export function crowdIou(detections: Boxes, i: number, crowds: Boxes, j: number): number {
  const intersection = intersectionArea(detections, i, crowds, j);
  return intersection === 0 ? 0 : intersection / boxArea(detections, i);
}

/** The boxes at `indices`, in that order. */
export function gatherBoxes(boxes: Float32Array, indices: ArrayLike<number>): Float32Array {
  const gathered = new Float32Array(4 * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const o = 4 * indices[i]!;
    for (let side = 0; side < 4; side++) gathered[4 * i + side] = boxes[o + side]!;
  }
  return gathered;
}

/** Corner, width, height (COCO's files) to two corners. */
export function xywhToXyxy<T extends Boxes>(boxes: T): T {
  return mapFarCorner(boxes, (near, extent) => near + extent);
}

/** Two corners to corner, width, height (COCO's files). */
export function xyxyToXywh<T extends Boxes>(boxes: T): T {
  return mapFarCorner(boxes, (near, far) => far - near);
}

function mapFarCorner<T extends Boxes>(boxes: T, map: (near: number, second: number) => number): T {
  const mapped = boxes.slice() as T;
  for (let o = 0; o < boxes.length; o += 4) {
    mapped[o + 2] = map(boxes[o]!, boxes[o + 2]!);
    mapped[o + 3] = map(boxes[o + 1]!, boxes[o + 3]!);
  }
  return mapped;
}
