/** The outline of an annotated object as training sees it: read from what the file says, moved with the image. */
import {type Mask, MaskError, maskOfRuns} from '../masks/mask.js';
import {maskInView, type Outline, type OutlineView, polygonsInView} from '../masks/outline.js';
import {parseRunLengths} from '../masks/run-length-text.js';
import type {RunLengths, Shape} from './polygon.js';
import type {Size} from './resize.js';

/**
 * The outline of an object in the pixels of `view`. Run lengths stay run lengths, and are sampled anew where the view
 * differs from the file.
 * @param image size of the image file
 * @throws MaskError when run lengths are none or of another size than the image, or polygons are none.
 */
export function outlineInView(
  shape: Exclude<Shape, {readonly kind: 'none'}>,
  {height, width}: Size,
  view: OutlineView,
): Outline {
  switch (shape.kind) {
    case 'polygons':
      return polygonsInView(shape.polygons, height, width, view);
    case 'run-lengths': {
      const mask = maskOf(shape.runLengths);
      if (mask.height !== height || mask.width !== width) {
        throw new MaskError(
          `run lengths of ${mask.height} x ${mask.width} pixels on an image of ${height} x ${width} (height x width)`,
        );
      }
      return maskInView(mask, view);
    }
  }
}

function maskOf({size: [height, width], counts}: RunLengths): Mask {
  return typeof counts === 'string'
    ? parseRunLengths(counts, height, width)
    : maskOfRuns(counts, height, width);
}
