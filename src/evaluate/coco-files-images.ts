/** The images of an instances file: their ids, and their sizes where masks are drawn. */
import {type JsonBytes, JsonFields} from '../data/json-bytes.js';
import type {JsonRecord} from '../data/json-record.js';
import {RunError} from '../errors.js';
import type {CocoGroundTruth} from './coco-data.js';
import type {WarningCounter} from './coco-warnings.js';

/** The images that results are on: of an opened ground truth, its own columns. */
export type CocoImages = Pick<CocoGroundTruth, 'imageIds' | 'imageHeights' | 'imageWidths'>;

const FIELDS = new JsonFields(['id', 'height', 'width']);
const ID = 0;
const HEIGHT = 1;
const WIDTH = 2;
const ALL = (1 << ID) | (1 << HEIGHT) | (1 << WIDTH);

/** Sizes by id. An id that occurs twice is one image, with a warning, and an error where the sizes differ. */
export class ImageTable {
  private readonly rows = new Map<number, number>();
  private readonly heights: number[] = [];
  private readonly widths: number[] = [];
  private id = 0;
  private height = 0;
  private width = 0;
  // Records of one image follow each other, mostly.
  private lastId = Number.NaN;
  private lastRow: number | undefined;

  /**
   * @param withSizes whether `height` and `width` are looked at
   * @param file where the images come from
   */
  constructor(
    private readonly withSizes: boolean,
    private readonly file?: {readonly path: string; readonly warnings: WarningCounter},
  ) {}

  static of({imageIds, imageHeights, imageWidths}: CocoImages): ImageTable {
    const table = new ImageTable(true);
    imageIds.forEach((id, row) => {
      table.add(id, imageHeights?.[row] ?? 0, imageWidths?.[row] ?? 0);
    });
    return table;
  }

  /** Reads an image's record; the index after it, or -1 where it is not of the usual kind. */
  addBytes(bytes: JsonBytes, chunk: Buffer, from: number): number {
    bytes.start(chunk, from);
    const found = bytes.object(FIELDS, index => {
      const value = bytes.integer();
      if (index === ID) this.id = value;
      else if (index === HEIGHT) this.height = value;
      else this.width = value;
      return !Number.isNaN(value);
    });
    if (found !== ALL || !isSide(this.height) || !isSide(this.width)) return -1;
    this.add(this.id, this.height, this.width);
    return bytes.position;
  }

  addRecord(record: JsonRecord): void {
    const side = (field: string): number => {
      if (!this.withSizes || !record.has(field)) return 0;
      const value = record.positiveInteger(field);
      if (!isSide(value)) throw record.wrong(field, 'a number of pixels');
      return value;
    };
    const id = record.integer('id');
    this.add(id, side('height'), side('width'));
  }

  private add(id: number, height: number, width: number): void {
    const known = this.rows.get(id);
    if (known !== undefined) this.checkSame(id, known, height, width);
    const row = known ?? this.rows.size;
    this.rows.set(id, row);
    this.heights[row] = height;
    this.widths[row] = width;
  }

  private checkSame(id: number, row: number, height: number, width: number): void {
    const [otherHeight, otherWidth] = [this.heights[row]!, this.widths[row]!];
    // 0: the file does not say.
    const differs = (side: number, other: number) => side !== other && side > 0 && other > 0;
    if (differs(height, otherHeight) || differs(width, otherWidth))
      throw new RunError(
        `${this.file?.path}: images: two have the id ${id}, of ${otherHeight} x ${otherWidth} and of ${height} x ${width} pixels ` +
          '(height x width); ids must differ',
      );
    this.file?.warnings.add('image-twice', `image ${id}`);
  }

  get size(): number {
    return this.rows.size;
  }

  /** Row of the image with this id; undefined when there is none. */
  row(id: number): number | undefined {
    if (id !== this.lastId) {
      this.lastRow = this.rows.get(id);
      this.lastId = id;
    }
    return this.lastRow;
  }

  heightOf(row: number | undefined): number {
    return row === undefined ? 0 : this.heights[row]!;
  }

  widthOf(row: number | undefined): number {
    return row === undefined ? 0 : this.widths[row]!;
  }

  columns(): CocoImages {
    const imageIds = Float64Array.from(this.rows.keys());
    if (!this.withSizes) return {imageIds};
    return {
      imageIds,
      imageHeights: Uint32Array.from(this.heights),
      imageWidths: Uint32Array.from(this.widths),
    };
  }
}

/** What fits in a mask. */
function isSide(value: number): boolean {
  return value >= 1 && value <= 0x7fffffff;
}
