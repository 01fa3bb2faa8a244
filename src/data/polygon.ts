/** Outlines of objects as COCO files hold them. Kept for the mask heads; boxes do not depend on them. */

/** Run lengths column by column, starting with background: a list, or COCO's compressed string. */
export type RunLengths = {
  readonly size: readonly [height: number, width: number];
  readonly counts: readonly number[] | string;
};

/** One or several polygons [x0, y0, x1, y1, ...], run lengths, or nothing. */
export type Shape =
  | {readonly kind: 'polygons'; readonly polygons: readonly (readonly number[])[]}
  | {readonly kind: 'run-lengths'; readonly runLengths: RunLengths}
  | {readonly kind: 'none'};
