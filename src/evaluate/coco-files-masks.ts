/** The masks of an instances file, in the order of its annotations. */
import {ShapeStore} from '../data/shape-store.js';
import {RunError} from '../errors.js';
import {MaskError} from '../masks/mask.js';
import {type MaskTable, MaskTableBuilder} from '../masks/mask-table.js';
import type {ImageTable} from './coco-files-images.js';
import {Segmentation} from './coco-files-segmentation.js';
import type {WarningCounter} from './coco-warnings.js';

/**
 * Polygons are drawn at the size of their image. In most files the images come first and every mask is made at once;
 * where they come last, outlines wait for them.
 */
export class AnnotationMasks {
  /** What was read last. */
  readonly segmentation = new Segmentation();
  private readonly masks = new MaskTableBuilder();
  private readonly waiting = new ShapeStore();
  private readonly handles: number[] = [];
  private count = 0;

  constructor(
    private readonly path: string,
    private readonly images: ImageTable,
    private readonly warnings: WarningCounter,
  ) {}

  /** Takes over the segmentation that was read, as that of the next annotation. */
  add(id: number, imageId: number): void {
    if (this.segmentation.oddPolygon() !== -1) this.warnings.add('odd-polygon', `annotation ${id}`);
    // Sections do not mix: either all images are known at the first annotation, or none is until the last.
    if (this.images.size > 0) this.draw(this.count, imageId);
    else this.handles.push(this.waiting.add(this.segmentation.shape()));
    this.count++;
  }

  /** A row an annotation; none for those of images that the file does not list. @throws RunError where it is no mask. */
  take(imageOf: Float64Array): MaskTable {
    this.handles.forEach((handle, index) => {
      this.segmentation.readShape(this.waiting.get(handle));
      this.draw(index, imageOf[index]!);
    });
    return this.masks.take({shared: true});
  }

  private draw(index: number, imageId: number): void {
    const row = this.images.row(imageId);
    if (row === undefined) {
      this.masks.pushNone();
      return;
    }
    try {
      this.masks.push(this.segmentation.mask(this.images.heightOf(row), this.images.widthOf(row)));
    } catch (error) {
      if (!(error instanceof MaskError)) throw error;
      throw new RunError(`${this.path}: annotations[${index}].segmentation: ${error.message}`);
    }
  }
}
