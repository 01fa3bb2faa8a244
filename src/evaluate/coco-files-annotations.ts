/** The annotations of an instances file, as columns. */
import {type JsonBytes, JsonFields} from '../data/json-bytes.js';
import type {JsonRecord} from '../data/json-record.js';
import {RunError} from '../errors.js';
import {areaOfRuns, writeBoxOfRuns} from '../masks/mask.js';
import type {MaskTable} from '../masks/mask-table.js';
import type {CocoGroundTruth} from './coco-data.js';
import {readBox} from './coco-files-box.js';
import {Column} from './coco-files-column.js';
import type {ImageTable} from './coco-files-images.js';
import {AnnotationMasks} from './coco-files-masks.js';
import type {WarningCounter} from './coco-warnings.js';

const NAMES = ['id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'ignore'];
const BOX_FIELDS = new JsonFields(NAMES);
const MASK_FIELDS = new JsonFields([...NAMES, 'segmentation']);
const [ID, IMAGE, CATEGORY, BOX, AREA, CROWD, IGNORE, SEGMENTATION] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const NEEDED = (1 << ID) | (1 << IMAGE) | (1 << CATEGORY) | (1 << BOX);
const has = (found: number, field: number) => (found & (1 << field)) !== 0;

export type AnnotationColumns = Pick<
  CocoGroundTruth,
  'ids' | 'imageOf' | 'categoryOf' | 'boxes' | 'areas' | 'crowd' | 'ignore' | 'masks'
>;

/** One annotation between its reading and its columns. NaN: the file does not say. */
type Annotation = {
  id: number;
  image: number;
  category: number;
  readonly box: Float64Array; // [4] XYWH
  area: number;
  crowd: number;
  ignore: number;
};

export class AnnotationTable {
  private readonly ids = new Column();
  private readonly imageOf = new Column();
  private readonly categoryOf = new Column();
  private readonly boxes = new Column();
  private readonly areas = new Column();
  private readonly crowd = new Column();
  private readonly read: Annotation = {
    ...{id: 0, image: 0, category: 0, box: new Float64Array(4)},
    ...{area: 0, crowd: 0, ignore: 0},
  };
  private readonly masks: AnnotationMasks | undefined;

  constructor(
    private readonly path: string,
    withMasks: boolean,
    images: ImageTable,
    private readonly warnings: WarningCounter,
  ) {
    if (withMasks) this.masks = new AnnotationMasks(path, images, warnings);
  }

  /** Reads a record; the index after it, or -1 where it is not of the usual kind. */
  addBytes(bytes: JsonBytes, chunk: Buffer, from: number): number {
    const {read, masks} = this;
    bytes.start(chunk, from);
    const found = bytes.object(masks === undefined ? BOX_FIELDS : MASK_FIELDS, field => {
      if (field === BOX) return bytes.numbers(read.box, 4);
      if (field === SEGMENTATION) return masks?.segmentation.readBytes(bytes) ?? false;
      const value = field === AREA ? bytes.number() : bytes.integer();
      switch (field) {
        case ID:
          read.id = value;
          break;
        case IMAGE:
          read.image = value;
          break;
        case CATEGORY:
          read.category = value;
          break;
        case AREA:
          read.area = value;
          break;
        case CROWD:
          read.crowd = value;
          return value === 0 || value === 1;
        default:
          read.ignore = value;
          return value === 0 || value === 1;
      }
      return !Number.isNaN(value);
    });
    const needed = masks !== undefined ? NEEDED | (1 << SEGMENTATION) : NEEDED;
    if (found === -1 || (found & needed) !== needed) return -1;
    if (!has(found, AREA)) read.area = Number.NaN;
    if (!has(found, CROWD)) read.crowd = Number.NaN;
    if (!has(found, IGNORE)) read.ignore = Number.NaN;
    this.add();
    return bytes.position;
  }

  /** @throws RunError naming record and field when the record is wrong. */
  addRecord(record: JsonRecord): void {
    const {read} = this;
    const flag = (field: string) => (record.has(field) ? Number(record.flag(field)) : Number.NaN);
    read.id = record.integer('id');
    read.image = record.integer('image_id');
    read.category = record.integer('category_id');
    if (this.masks !== undefined && !record.has('bbox')) read.box.fill(Number.NaN);
    else read.box.set(readBox(record));
    read.area = record.has('area') ? record.number('area') : Number.NaN;
    read.crowd = flag('iscrowd');
    read.ignore = flag('ignore');
    this.masks?.segmentation.readRecord(record);
    this.add();
  }

  private add(): void {
    const {id, image, category, box, area, crowd, ignore} = this.read;
    const [x, y, width, height] = [box[0]!, box[1]!, box[2]!, box[3]!];
    const isCrowd = crowd === 1;
    this.ids.push(id);
    this.imageOf.push(image);
    this.categoryOf.push(category);
    this.boxes.push(x);
    this.boxes.push(y);
    this.boxes.push(width);
    this.boxes.push(height);
    this.areas.push(Number.isNaN(area) ? width * height : area);
    this.crowd.push(isCrowd ? 1 : 0);
    this.masks?.add(id, image);
    if (Number.isNaN(area)) this.warnings.add('missing-area', `annotation ${id}`);
    else if (isImplausible(area, width, height)) {
      this.warnings.add('implausible-area', `annotation ${id}: ${area} in a box of ${width} x ${height}`);
    }
    if (Number.isNaN(crowd)) this.warnings.add('missing-iscrowd', `annotation ${id}`);
    if (!Number.isNaN(ignore) && (ignore === 1) !== isCrowd) {
      this.warnings.add('ignore-field', `annotation ${id}`);
    }
  }

  /** @throws RunError when two annotations have one id, or a mask cannot be made. */
  take(): AnnotationColumns {
    const crowd = Uint8Array.from(this.crowd.take());
    const columns = {
      ids: this.ids.take(),
      imageOf: this.imageOf.take(),
      categoryOf: this.categoryOf.take(),
      boxes: this.boxes.take(),
      areas: this.areas.take(),
      crowd,
      ignore: crowd,
    };
    this.checkIds(columns.ids);
    if (this.masks === undefined) return columns;
    const masks = this.masks.take(columns.imageOf);
    fillFromMasks(columns.boxes, columns.areas, masks);
    return {...columns, masks};
  }

  private checkIds(ids: Float64Array): void {
    const sorted = ids.slice().sort();
    if (sorted.every((id, i) => i === 0 || id !== sorted[i - 1])) return;
    const rows = new Map<number, number>();
    ids.forEach((id, row) => {
      const earlier = rows.get(id);
      if (earlier !== undefined) {
        throw new RunError(
          `${this.path}: annotations[${row}].id: ${id} is also the id of annotations[${earlier}]; ids must differ`,
        );
      }
      rows.set(id, row);
    });
  }
}

/** Boxes that a file for masks leaves out, and areas where both are missing, are those of the masks. */
function fillFromMasks(boxes: Float64Array, areas: Float64Array, {heights, starts, runs}: MaskTable): void {
  for (let row = 0; row < areas.length; row++) {
    if (!Number.isNaN(boxes[4 * row]!)) continue;
    const [from, to] = [starts[row]!, starts[row + 1]!];
    writeBoxOfRuns(runs, from, to, heights[row]!, boxes, 4 * row);
    if (Number.isNaN(areas[row]!)) areas[row] = areaOfRuns(runs, from, to);
  }
}

/**
 * Whether an area cannot be that of an object in its box. Of real files it is true for none: masks cover a pixel more
 * than their outlines at most, and thin ones may cover none.
 */
function isImplausible(area: number, width: number, height: number): boolean {
  if (area === 0) return width >= 2 && height >= 2;
  return area < 0 || area > (Math.max(width, 0) + 1) * (Math.max(height, 0) + 1);
}
