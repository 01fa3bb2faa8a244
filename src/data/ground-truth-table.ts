/**
 * Objects of a whole data set in columns, and the objects of one image as views of them.
 * The columns are shared memory: a worker thread that is sent one image's objects gets no copy of all the others.
 */
import type {GroundTruth} from './dataset.js';
import type {Shape} from './polygon.js';
import {ShapeStore} from './shape-store.js';

/** One object, before its image's other objects are known. `image` and `class` as the file numbers them. */
export type ObjectRow = {
  readonly image: number;
  readonly class: number;
  /** XYXY. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  readonly ignore: boolean;
  readonly crowd: boolean;
  readonly area: number;
  readonly id: number;
};

/** Numbers appended one by one. */
class Column {
  private values = new Float64Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  at(index: number): number {
    return this.values[index] as number;
  }
}

const IGNORE = 1;
const CROWD = 2;

export class GroundTruthTable {
  private readonly images = new Column();
  private readonly boxes = [new Column(), new Column(), new Column(), new Column()] as const;
  private readonly classes = new Column();
  private readonly flags = new Column();
  private readonly areas = new Column();
  private readonly ids = new Column();
  private readonly handles = new Column();
  private readonly shapes = new ShapeStore();

  get length(): number {
    return this.ids.length;
  }

  /** Appends an object. Objects of one image keep their order. */
  push(row: ObjectRow, shape?: Shape): void {
    this.images.push(row.image);
    this.boxes.forEach((column, i) => {
      column.push(row.box[i] as number);
    });
    this.classes.push(row.class);
    this.flags.push((row.ignore ? IGNORE : 0) + (row.crowd ? CROWD : 0));
    this.areas.push(row.area);
    this.ids.push(row.id);
    this.handles.push(shape === undefined ? 0 : this.shapes.add(shape));
  }

  /** Reads one row back, as it was pushed. */
  row(index: number): ObjectRow {
    const [x1, y1, x2, y2] = this.boxes;
    const flags = this.flags.at(index);
    return {
      image: this.images.at(index),
      box: [x1.at(index), y1.at(index), x2.at(index), y2.at(index)],
      class: this.classes.at(index),
      ignore: (flags & IGNORE) !== 0,
      crowd: (flags & CROWD) !== 0,
      area: this.areas.at(index),
      id: this.ids.at(index),
    };
  }

  /**
   * The objects of every image. Row i belongs to image `imageOf[i]` (0 .. images - 1; -1: left out) and is of
   * class `classOf[i]` (1..C); what was pushed as image and class may be the file's own numbers.
   */
  group(
    images: number,
    imageOf: Int32Array,
    classOf: Int32Array,
    withShapes: boolean,
  ): readonly GroundTruth[] {
    // A counting sort: objects of image k go to places starts[k] .. starts[k + 1] - 1.
    const starts = new Int32Array(images + 1);
    for (const image of imageOf) if (image !== -1) starts[image + 1] = (starts[image + 1] as number) + 1;
    for (let k = 0; k < images; k++) starts[k + 1] = (starts[k + 1] as number) + (starts[k] as number);
    const total = starts[images] as number;
    const boxes = new Float64Array(new SharedArrayBuffer(total * 32));
    const classes = new Int32Array(new SharedArrayBuffer(total * 4));
    const ignore = new Uint8Array(new SharedArrayBuffer(total));
    const crowd = new Uint8Array(new SharedArrayBuffer(total));
    const areas = new Float64Array(new SharedArrayBuffer(total * 8));
    const ids = new Float64Array(new SharedArrayBuffer(total * 8));
    const handles = new Uint32Array(withShapes ? total : 0);
    const free = starts.slice();
    for (let i = 0; i < this.length; i++) {
      const image = imageOf[i] as number;
      if (image === -1) continue;
      const at = free[image] as number;
      free[image] = at + 1;
      const row = this.row(i);
      boxes.set(row.box, at * 4);
      classes[at] = classOf[i] as number;
      ignore[at] = row.ignore ? 1 : 0;
      crowd[at] = row.crowd ? 1 : 0;
      areas[at] = row.area;
      ids[at] = row.id;
      if (withShapes) handles[at] = this.handles.at(i);
    }
    const store = this.shapes;
    return Array.from({length: images}, (_, image) => {
      const from = starts[image] as number;
      const to = starts[image + 1] as number;
      const views = {
        boxes: boxes.subarray(from * 4, to * 4),
        classes: classes.subarray(from, to),
        ignore: ignore.subarray(from, to),
        crowd: crowd.subarray(from, to),
        areas: areas.subarray(from, to),
        ids: ids.subarray(from, to),
      };
      if (!withShapes) return views;
      return {
        ...views,
        /** Decoded at every access: keep the result where it is used more than once. */
        get shapes(): readonly Shape[] {
          return Array.from(handles.subarray(from, to), handle => store.get(handle));
        },
      };
    });
  }
}
