/**
 * COCO instances files (cocodataset.org/#format-data): one JSON object of `images`, `annotations` and `categories`.
 * Boxes are [x, y, width, height] there and XYXY from here on.
 */
import {isAbsolute, join} from 'node:path';
import {RunError} from '../errors.js';
import type {Dataset, ImageRecord} from './dataset.js';
import {GroundTruthTable, type ObjectRow} from './ground-truth-table.js';
import {describe, isObject, JsonRecord} from './json-record.js';
import type {JsonOutline, JsonVisitor} from './json-splitter.js';
import {streamJson} from './json-stream.js';
import {EMPTY_BOX, MAX_EMPTY_BOXES, Notices} from './notices.js';
import type {RunLengths, Shape} from './polygon.js';

export type CocoOptions = {
  /** The JSON file. */
  readonly annotations: string;
  /** The folder that `file_name` is relative to. */
  readonly images: string;
  readonly name: string;
};

/**
 * Reads a COCO instances file of any size. Categories become classes 1..C by ascending id; images keep the order of the
 * file, those without annotations included. Annotations of images or categories that are not listed and boxes
 * without area are left out and counted in `notices`.
 * @throws UsageError when there is no such file; RunError (file, record, field) when a value has the wrong type, an
 * id occurs twice, or more than 1 % of the boxes have no area.
 */
export async function loadCoco({annotations, images, name}: CocoOptions): Promise<Dataset> {
  const reader = new InstancesReader(annotations);
  const outline = await streamJson(annotations, reader);
  return reader.finish(outline, images, name);
}

type CocoImage = {
  readonly id: number;
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
};
type CocoCategory = {readonly id: number; readonly name: string};

const UNLISTED_IMAGE = 'annotation of an image that is not listed left out';
const UNLISTED_CATEGORY = 'annotation of a category that is not listed left out';

/** Takes the records in any order of the three lists and puts them together at the end. */
class InstancesReader implements JsonVisitor {
  private readonly images: CocoImage[] = [];
  private readonly imageIndex = new Map<number, number>();
  private readonly categories: CocoCategory[] = [];
  private readonly categoryIds = new Set<number>();
  private readonly annotationIds = new Set<number>();
  private readonly table = new GroundTruthTable();
  private readonly notices = new Notices();

  constructor(private readonly file: string) {}

  element(section: string, index: number, value: unknown): void {
    switch (section) {
      case 'images':
        this.image(new JsonRecord(this.file, `images[${index}]`, value));
        break;
      case 'categories':
        this.category(new JsonRecord(this.file, `categories[${index}]`, value));
        break;
      case 'annotations':
        this.annotation(new JsonRecord(this.file, `annotations[${index}]`, value));
        break;
      default:
    }
  }

  member(key: string, value: unknown): void {
    if (key === 'images' || key === 'categories' || key === 'annotations')
      throw new RunError(`${this.file}: ${key}: expected a list, found ${describe(value)}`);
  }

  private image(record: JsonRecord): void {
    const image = {
      id: record.integer('id'),
      fileName: record.text('file_name'),
      width: record.positiveInteger('width'),
      height: record.positiveInteger('height'),
    };
    if (this.imageIndex.has(image.id)) throw this.duplicate(record, 'image', image.id);
    this.imageIndex.set(image.id, this.images.length);
    this.images.push(image);
  }

  private category(record: JsonRecord): void {
    const category = {id: record.integer('id'), name: record.text('name')};
    if (this.categoryIds.has(category.id)) throw this.duplicate(record, 'category', category.id);
    this.categoryIds.add(category.id);
    this.categories.push(category);
  }

  private annotation(record: JsonRecord): void {
    const id = record.integer('id');
    if (this.annotationIds.has(id)) throw this.duplicate(record, 'annotation', id);
    this.annotationIds.add(id);
    const image = record.integer('image_id');
    const category = record.integer('category_id');
    const [x, y, width, height] = readBox(record);
    const crowd = record.flag('iscrowd');
    const area = record.has('area') ? record.number('area') : width * height;
    if (area < 0) throw record.wrong('area', 'square pixels');
    const shape = readShape(record, this.notices);
    const example = `annotation ${id} of image ${image}`;
    if (width <= 0 || height <= 0) {
      this.notices.add(EMPTY_BOX, `${example}: [${x}, ${y}, ${width}, ${height}]`);
      return;
    }
    if (!record.has('area')) this.notices.add('annotation without area: that of its box taken', example);
    if (id === 0) this.notices.add('annotation id 0, which pycocotools never matches', example);
    if (record.value('ignore') === 1 && !crowd)
      this.notices.add('"ignore" has no effect in COCO files, only "iscrowd" has', example);
    const box = [x, y, x + width, y + height] as const;
    this.table.push({image, class: category, box, ignore: crowd, crowd, area, id}, shape);
  }

  private duplicate(record: JsonRecord, noun: string, id: number): RunError {
    return new RunError(
      `${this.file}: ${record.where}.id: another ${noun} has the id ${id}; ids must differ`,
    );
  }

  finish(outline: JsonOutline, folder: string, name: string): Dataset {
    this.checkOutline(outline);
    this.checkBoxes();
    const categories = [...this.categories].sort((a, b) => a.id - b.id);
    const {imageOf, classOf} = this.place(categories);
    const objects = this.table.group(this.images.length, imageOf, classOf, true);
    return {
      name,
      classNames: categories.map(category => category.name),
      categoryIds: categories.map(category => category.id),
      images: this.images.map((image, i): ImageRecord => {
        const path = isAbsolute(image.fileName) ? image.fileName : join(folder, image.fileName);
        return {...image, path, groundTruth: objects[i] as ImageRecord['groundTruth']};
      }),
      notices: this.notices.all,
    };
  }

  private checkOutline({kind, sections}: JsonOutline): void {
    if (kind === 'array')
      throw new RunError(
        `${this.file} is a list; an instances file is an object of images, annotations and categories (is it a results file?)`,
      );
    for (const key of ['images', 'categories'] as const)
      if (this[key].length === 0)
        throw new RunError(
          `${this.file} ${sections.has(key) ? `has no ${key}: the list is empty` : `has no list "${key}"; is it a COCO instances file?`}`,
        );
    if (!sections.has('annotations'))
      this.notices.add('no list of annotations: images without ground truth', this.file);
  }

  /** Boxes in the wrong convention show: they have no area, or they leave their images while fitting as XYXY. */
  private checkBoxes(): void {
    const empty = this.notices.count(EMPTY_BOX);
    const total = this.table.length + empty;
    const hint = 'bbox is [x, y, width, height]: did you pass XYXY?';
    if (empty > 1 && empty > MAX_EMPTY_BOXES * total)
      throw new RunError(
        `${this.file}: ${empty} of ${total} boxes have no area, such as ${this.notices.example(EMPTY_BOX)}; ${hint}`,
      );
    let outside = 0;
    let fitAsCorners = 0;
    for (let i = 0; i < this.table.length; i++) {
      const {image: id, box} = this.table.row(i);
      const image = this.images[this.imageIndex.get(id) ?? -1];
      if (image === undefined) continue;
      const [x, y, right, bottom] = box;
      if (right > image.width + 1 || bottom > image.height + 1) outside++;
      const [width, height] = [right - x, bottom - y];
      if (width > x && height > y && width <= image.width + 1 && height <= image.height + 1) fitAsCorners++;
    }
    // Corners read as sizes leave the image for every box whose centre is in its right or lower half.
    if (outside >= 0.25 * this.table.length && outside > 1 && fitAsCorners >= 0.99 * this.table.length)
      throw new RunError(`${this.file}: ${outside} of ${total} boxes reach beyond their images; ${hint}`);
  }

  /** Image index and class of every row of the table; -1 for what is not listed. */
  private place(categories: readonly CocoCategory[]): {imageOf: Int32Array; classOf: Int32Array} {
    const classIndex = new Map(categories.map(({id}, i) => [id, i + 1]));
    const imageOf = new Int32Array(this.table.length).fill(-1);
    const classOf = new Int32Array(this.table.length);
    let placed = 0;
    for (let i = 0; i < this.table.length; i++) {
      const row: ObjectRow = this.table.row(i);
      const image = this.imageIndex.get(row.image);
      const classNumber = classIndex.get(row.class);
      if (image === undefined)
        this.notices.add(UNLISTED_IMAGE, `annotation ${row.id}: image_id ${row.image}`);
      else if (classNumber === undefined)
        this.notices.add(UNLISTED_CATEGORY, `annotation ${row.id}: category_id ${row.class}`);
      else {
        imageOf[i] = image;
        classOf[i] = classNumber;
        placed++;
      }
    }
    if (placed === 0 && this.table.length > 0)
      throw new RunError(
        `${this.file}: none of ${this.table.length} annotations has an image_id and a category_id that are listed`,
      );
    return {imageOf, classOf};
  }
}

function readBox(record: JsonRecord): readonly [number, number, number, number] {
  const box = record.value('bbox');
  if (!isNumbers(box) || box.length !== 4) throw record.wrong('bbox', '4 numbers [x, y, width, height]');
  return box as readonly [number, number, number, number];
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(item => typeof item === 'number' && Number.isFinite(item));
}

/** The outline of one annotation; polygons that are none are left out and counted. */
function readShape(record: JsonRecord, notices: Notices): Shape {
  const value = record.value('segmentation');
  if (value === undefined) return {kind: 'none'};
  if (Array.isArray(value)) {
    if (!value.every(isNumbers))
      throw record.wrong('segmentation', 'a list of polygons [x0, y0, x1, y1, ...]');
    const polygons = value.filter(polygon => polygon.length % 2 === 0 && polygon.length >= 6);
    if (polygons.length < value.length)
      notices.add(
        'polygon left out: an odd count of numbers, or fewer than three points',
        `annotation ${record.integer('id')}`,
      );
    return polygons.length === 0 ? {kind: 'none'} : {kind: 'polygons', polygons};
  }
  if (isObject(value)) return {kind: 'run-lengths', runLengths: readRunLengths(record, value)};
  throw record.wrong('segmentation', 'polygons or run lengths');
}

function readRunLengths(record: JsonRecord, value: object): RunLengths {
  const fields = new JsonRecord(record.file, `${record.where}.segmentation`, value);
  const size = fields.value('size');
  if (!isCounts(size) || size.length !== 2) throw fields.wrong('size', '[height, width]');
  const counts = fields.value('counts');
  if (typeof counts !== 'string' && !isCounts(counts))
    throw fields.wrong('counts', 'a list of run lengths, or a compressed text');
  return {size: [size[0] as number, size[1] as number], counts};
}

function isCounts(value: unknown): value is readonly number[] {
  return isNumbers(value) && value.every(count => Number.isInteger(count) && count >= 0 && count < 2 ** 31);
}
