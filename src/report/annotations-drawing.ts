/** Annotated objects drawn on their image: what a data set says is there. */
import type {ImageRecord} from '../data/dataset.js';
import {decodeImage} from '../data/image.js';
import {outlineInView} from '../data/object-outline.js';
import type {Shape} from '../data/polygon.js';
import {RunError} from '../errors.js';
import {type Mask, MaskError} from '../masks/mask.js';
import {polygonsMask} from '../masks/rasterize.js';
import {type DrawingOptions, type DrawnObject, drawObjects} from './drawing.js';

/**
 * A PNG of an image of a data set, upright, in RGB, without alpha; with its objects on it, small ones on top. Labels are class
 * names, where there is more than one class. Objects that are not counted (COCO's crowds, VOC's difficult ones) have broken lines, and
 * labels that say so. Masks are those that training draws from the outlines.
 * @throws RunError when the file cannot be decoded or is of another size than recorded, and when masks are drawn and an outline
 * cannot be.
 */
export async function drawAnnotations(record: ImageRecord, options: DrawingOptions): Promise<Buffer> {
  const {width, height} = record;
  const objects = annotatedObjects(record, options);
  return drawObjects({data: await decodeImage(record, record), width, height}, objects, options);
}

function annotatedObjects(record: ImageRecord, {classNames, parts}: DrawingOptions): readonly DrawnObject[] {
  const {boxes, classes, crowd, ignore, shapes} = record.groundTruth;
  // Decoded at every access.
  const outlines = parts === undefined || parts.has('masks') ? (shapes ?? []) : [];
  const areaOf = (i: number) => (boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!);
  const smallestFirst = [...classes.keys()].sort((a, b) => areaOf(a) - areaOf(b));
  return smallestFirst.map((i): DrawnObject => {
    const classNumber = classes[i]!;
    const named = classNames.length === 1 ? [] : [classNames[classNumber - 1] ?? `class ${classNumber}`];
    const marked = crowd[i] === 1 ? ['crowd'] : ignore[i] === 1 ? ['ignored'] : [];
    return {
      box: [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!],
      classNumber,
      label: [...named, ...marked].join(', '),
      mask: maskOf(record, i, outlines[i]),
      dashed: marked.length > 0,
    };
  });
}

function maskOf(record: ImageRecord, object: number, shape: Shape | undefined): Mask | undefined {
  if (shape === undefined || shape.kind === 'none') return undefined;
  const {path, width, height} = record;
  try {
    const outline = outlineInView(shape, record, {width, height, flip: false});
    return outline.kind === 'mask' ? outline.mask : polygonsMask(outline.polygons, height, width);
  } catch (error) {
    if (!(error instanceof MaskError)) throw error;
    const id = record.groundTruth.ids[object];
    throw new RunError(
      `${path}: annotation ${id} has no valid mask (${error.message}); correct it or draw boxes only`,
    );
  }
}
