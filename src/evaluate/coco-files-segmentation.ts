/**
 * The field `segmentation` of COCO's records (cocodataset.org/#format-data): polygons, run lengths as a list, run lengths
 * as text. One object is used for record after record.
 */
import type {JsonBytes} from '../data/json-bytes.js';
import {JsonFields} from '../data/json-bytes.js';
import {isObject, JsonRecord} from '../data/json-record.js';
import type {Shape} from '../data/polygon.js';
import {RunError} from '../errors.js';
import {type Mask, MaskError, maskOfRuns} from '../masks/mask.js';
import {polygonsMask} from '../masks/rasterize.js';
import {parseRunLengths} from '../masks/run-length-text.js';

const RUN_LENGTHS = new JsonFields(['size', 'counts']);
const SIZE = 0;
const BOTH = 0b11;

export class Segmentation {
  private kind: 'polygons' | 'runs' | 'text' = 'polygons';
  /** Coordinates of all polygons, or run lengths. */
  private numbers = new Float64Array(256);
  private used = 0;
  /** For each polygon, the index in `numbers` after it. */
  private readonly ends: number[] = [];
  private readonly size = new Float64Array(2);
  private text = '';

  /** Reads the value that comes next; false to give up. */
  readBytes(bytes: JsonBytes): boolean {
    this.clear();
    if (bytes.isList()) {
      this.kind = 'polygons';
      return bytes.list(() => this.polygonOf(bytes));
    }
    const found = bytes.object(RUN_LENGTHS, field => {
      if (field === SIZE) return bytes.numbers(this.size, 2) && this.size.every(isCount);
      if (bytes.isList()) {
        this.kind = 'runs';
        return bytes.list(() => this.numberOf(bytes) && isCount(this.numbers[this.used - 1]!));
      }
      this.kind = 'text';
      const text = bytes.text();
      this.text = text ?? '';
      return text !== undefined;
    });
    return found === BOTH;
  }

  private polygonOf(bytes: JsonBytes): boolean {
    const read = bytes.list(() => this.numberOf(bytes));
    this.ends.push(this.used);
    return read;
  }

  private numberOf(bytes: JsonBytes): boolean {
    const value = bytes.number();
    this.push(value);
    return !Number.isNaN(value);
  }

  /** Reads the record's segmentation. @throws RunError when it has none, or one of the wrong form. */
  readRecord(record: JsonRecord): void {
    this.clear();
    const value = record.value('segmentation');
    if (Array.isArray(value)) {
      if (!value.every(isNumbers))
        throw record.wrong('segmentation', 'polygons [[x0, y0, x1, y1, ...], ...]');
      this.kind = 'polygons';
      for (const polygon of value) {
        for (const coordinate of polygon) this.push(coordinate);
        this.ends.push(this.used);
      }
      return;
    }
    if (!isObject(value)) throw record.wrong('segmentation', 'polygons or run lengths');
    const fields = new JsonRecord(record.file, `${record.where}.segmentation`, value);
    const size = fields.value('size');
    if (!isNumbers(size) || size.length !== 2 || !size.every(isCount))
      throw fields.wrong('size', '[height, width]');
    this.size.set(size);
    const counts = fields.value('counts');
    if (typeof counts === 'string') {
      this.kind = 'text';
      this.text = counts;
    } else if (isNumbers(counts)) {
      const wrong = counts.findIndex(run => !isCount(run));
      if (wrong !== -1)
        throw new RunError(
          `${fields.file}: ${fields.where}.counts[${wrong}]: expected a run length, a whole number from 0 to ` +
            `${MAX_COUNT}, found ${counts[wrong]}`,
        );
      this.kind = 'runs';
      for (const run of counts) this.push(run);
    } else throw fields.wrong('counts', 'a list of run lengths, or their compressed text');
  }

  /** Takes what `shape` gave. */
  readShape(shape: Shape): void {
    this.clear();
    switch (shape.kind) {
      case 'none':
        this.kind = 'polygons';
        return;
      case 'polygons':
        this.kind = 'polygons';
        for (const polygon of shape.polygons) {
          for (const coordinate of polygon) this.push(coordinate);
          this.ends.push(this.used);
        }
        return;
      case 'run-lengths': {
        const {size, counts} = shape.runLengths;
        this.size.set(size);
        this.kind = typeof counts === 'string' ? 'text' : 'runs';
        if (typeof counts === 'string') this.text = counts;
        else for (const run of counts) this.push(run);
      }
    }
  }

  /** A copy, for a store. */
  shape(): Shape {
    const [height, width] = [this.size[0]!, this.size[1]!] as const;
    switch (this.kind) {
      case 'polygons':
        return {kind: 'polygons', polygons: this.polygons().map(polygon => Array.from(polygon))};
      case 'runs': {
        const counts = Array.from(this.numbers.subarray(0, this.used));
        return {kind: 'run-lengths', runLengths: {size: [height, width], counts}};
      }
      case 'text':
        return {kind: 'run-lengths', runLengths: {size: [height, width], counts: this.text}};
    }
  }

  /** Index of the first polygon with an odd count of numbers, or -1. */
  oddPolygon(): number {
    return this.ends.findIndex((end, i) => (end - (this.ends[i - 1] ?? 0)) % 2 === 1);
  }

  /**
   * The mask, on an image of this size; zeros where it is not known.
   * @throws MaskError when there is none: polygons without three points or without an image, run lengths of another size
   */
  mask(imageHeight: number, imageWidth: number): Mask {
    if (this.kind === 'polygons') return this.drawn(imageHeight, imageWidth);
    const height = this.size[0]!;
    const width = this.size[1]!;
    if (imageHeight > 0 && imageWidth > 0 && (height !== imageHeight || width !== imageWidth)) {
      throw new MaskError(
        `run lengths of ${height} x ${width} pixels on an image of ${imageHeight} x ${imageWidth} (height x width)`,
      );
    }
    if (this.kind === 'text') return parseRunLengths(this.text, height, width);
    return maskOfRuns(this.numbers.subarray(0, this.used), height, width);
  }

  private drawn(height: number, width: number): Mask {
    // The reference takes lists that begin with four numbers for boxes, and fails on shorter ones.
    const first = this.ends[0] ?? 0;
    if (first <= 4) {
      const found = this.ends.length === 0 ? 'an empty list' : `a first polygon of ${first} numbers`;
      throw new MaskError(`${found}: a polygon has three points or more, which are six numbers`);
    }
    if (height === 0 || width === 0) throw new MaskError(UNKNOWN_SIZE);
    return polygonsMask(this.polygons(), height, width);
  }

  private polygons(): readonly Float64Array[] {
    return this.ends.map((end, i) => this.numbers.subarray(this.ends[i - 1] ?? 0, end));
  }

  private clear(): void {
    this.used = 0;
    this.ends.length = 0;
    this.text = '';
  }

  private push(value: number): void {
    if (this.used === this.numbers.length) {
      const larger = new Float64Array(2 * this.used);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.used++] = value;
  }
}

/** Why a polygon or a box cannot be drawn. */
export const UNKNOWN_SIZE =
  'it is drawn at the size of its image, and the annotations give that image no "height" and "width"';

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(item => typeof item === 'number' && Number.isFinite(item));
}

const MAX_COUNT = 0x7fffffff;

/** What fits in a mask, and in a word of a store. */
function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_COUNT;
}
