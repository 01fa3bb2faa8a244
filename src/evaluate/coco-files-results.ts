/** The records of a results file, as columns. */
import {type JsonBytes, JsonFields} from '../data/json-bytes.js';
import type {JsonRecord} from '../data/json-record.js';
import {RunError} from '../errors.js';
import {type Mask, MaskError, maskArea, maskBox} from '../masks/mask.js';
import {MaskTableBuilder} from '../masks/mask-table.js';
import {boxMask} from '../masks/rasterize.js';
import type {CocoResults} from './coco-data.js';
import {readBox} from './coco-files-box.js';
import {Column} from './coco-files-column.js';
import type {ImageTable} from './coco-files-images.js';
import {Segmentation, UNKNOWN_SIZE} from './coco-files-segmentation.js';

const NAMES = ['image_id', 'category_id', 'score', 'bbox'];
const BOX_FIELDS = new JsonFields(NAMES);
const MASK_FIELDS = new JsonFields([...NAMES, 'segmentation']);
const [IMAGE, CATEGORY, SCORE, BOX, SEGMENTATION] = [0, 1, 2, 3, 4] as const;
const NEEDED = (1 << IMAGE) | (1 << CATEGORY) | (1 << SCORE);
const has = (found: number, field: number) => (found & (1 << field)) !== 0;

/**
 * Boxes and areas come from the field `bbox` or from the masks: the first record decides for the whole file, as in the
 * reference (loadRes). With boxes, the area is width * height even beside a mask; without, it is the mask's.
 */
export class ResultTable {
  private source: 'unknown' | 'boxes' | 'masks' = 'unknown';
  private readonly imageOf = new Column();
  private readonly categoryOf = new Column();
  private readonly scores = new Column();
  private readonly boxes = new Column();
  private readonly areas = new Column();
  private readonly masks: MaskTableBuilder | undefined;
  private readonly segmentation = new Segmentation();
  // The record that is being read.
  private image = 0;
  private category = 0;
  private score = 0;
  private readonly box = new Float64Array(4);

  /** @param images when given, the images that results may be on */
  constructor(
    private readonly path: string,
    withMasks: boolean,
    private readonly images: ImageTable | undefined,
  ) {
    if (withMasks) this.masks = new MaskTableBuilder();
  }

  /** Reads a record; the index after it, or -1 where it is not of the usual kind. */
  addBytes(bytes: JsonBytes, chunk: Buffer, from: number): number {
    if (this.source === 'unknown') return -1;
    const needsMask = this.masks !== undefined || this.source === 'masks';
    bytes.start(chunk, from);
    const found = bytes.object(needsMask ? MASK_FIELDS : BOX_FIELDS, field => {
      if (field === BOX) return bytes.numbers(this.box, 4);
      if (field === SEGMENTATION) return this.segmentation.readBytes(bytes);
      if (field === SCORE) {
        this.score = bytes.number();
        return !Number.isNaN(this.score);
      }
      const value = bytes.integer();
      if (field === IMAGE) this.image = value;
      else this.category = value;
      return !Number.isNaN(value);
    });
    const needed = NEEDED | (1 << (this.source === 'boxes' ? BOX : SEGMENTATION));
    if (found === -1 || (found & needed) !== needed) return -1;
    this.add(has(found, BOX), has(found, SEGMENTATION));
    return bytes.position;
  }

  /** @throws RunError naming record and field when the record is wrong. */
  addRecord(record: JsonRecord): void {
    const box = record.value('bbox');
    const hasBox = box !== undefined && !(Array.isArray(box) && box.length === 0);
    const hasMask = record.has('segmentation');
    if (this.source === 'unknown') this.source = hasBox || !hasMask ? 'boxes' : 'masks';
    this.image = record.integer('image_id');
    this.category = record.integer('category_id');
    if (hasBox || this.source === 'boxes') this.box.set(readBox(record));
    const needsMask = this.source === 'masks' || (this.masks !== undefined && hasMask);
    if (needsMask) this.segmentation.readRecord(record);
    this.score = record.number('score');
    this.add(hasBox, needsMask);
  }

  private add(hasBox: boolean, hasMask: boolean): void {
    const {image, box} = this;
    const row = this.images?.row(image);
    if (this.images !== undefined && row === undefined) {
      throw new RunError(
        `${this.path}: [${this.scores.length}].image_id: ${image} is not among the images of the annotations; ` +
          'evaluate against the annotations that the detections were made for',
      );
    }
    let area = box[2]! * box[3]!;
    if (this.masks !== undefined || this.source === 'masks') {
      const mask = this.mask(hasMask, row);
      this.masks?.push(mask);
      if (this.source === 'masks') {
        area = maskArea(mask);
        if (!hasBox) box.set(maskBox(mask));
      }
    }
    this.imageOf.push(image);
    this.categoryOf.push(this.category);
    this.scores.push(this.score);
    this.boxes.push(box[0]!);
    this.boxes.push(box[1]!);
    this.boxes.push(box[2]!);
    this.boxes.push(box[3]!);
    this.areas.push(area);
  }

  /** The mask of the record that was read, or of its box where it has none. */
  private mask(hasMask: boolean, imageRow: number | undefined): Mask {
    const height = this.images?.heightOf(imageRow) ?? 0;
    const width = this.images?.widthOf(imageRow) ?? 0;
    const field = hasMask ? 'segmentation' : 'bbox';
    try {
      if (hasMask) {
        const odd = this.segmentation.oddPolygon();
        if (odd !== -1) throw new MaskError(`polygon ${odd} has an odd count of numbers; points are x, y`);
        return this.segmentation.mask(height, width);
      }
      if (height === 0 || width === 0) throw new MaskError(UNKNOWN_SIZE);
      return boxMask(this.box, height, width);
    } catch (error) {
      if (!(error instanceof MaskError)) throw error;
      throw new RunError(`${this.path}: [${this.scores.length}].${field}: ${error.message}`);
    }
  }

  take(): CocoResults {
    const columns = {
      imageOf: this.imageOf.take(),
      categoryOf: this.categoryOf.take(),
      boxes: this.boxes.take(),
      scores: this.scores.take(),
      areas: this.areas.take(),
    };
    return this.masks === undefined ? columns : {...columns, masks: this.masks.take({shared: true})};
  }
}
