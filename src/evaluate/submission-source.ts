/** Detections on their way to COCO's test server: those of a results file, or those that a model just made. */
import {open, stat} from 'node:fs/promises';
import {JsonRecord} from '../data/json-record.js';
import {JsonSplitter, type JsonVisitor} from '../data/json-splitter.js';
import {streamJson} from '../data/json-stream.js';
import {RunError, UsageError} from '../errors.js';
import {MaskError} from '../masks/mask.js';
import {parseRunLengths} from '../masks/run-length-text.js';
import {type CocoResults, checkFinite} from './coco-data.js';
import type {IouType} from './coco-parameters.js';
import type {SubmissionSource} from './submission.js';
import type {SubmissionImages} from './submission-images.js';

/** Boxes that a model detected, all digits kept. @throws RunError when one is not made of finite numbers. */
export function detectionsSource(results: CocoResults): SubmissionSource {
  const {imageOf, categoryOf, boxes, scores} = results;
  checkFinite(results);
  return {
    async scan(visit) {
      scores.forEach((score, row) => {
        visit({
          imageId: imageOf[row]!,
          categoryId: categoryOf[row]!,
          score,
          where: `detection ${row}`,
        });
      });
    },
    async *records(keep) {
      for (let from = 0; from < keep.length; from += RECORDS_A_CHUNK) {
        const chunk: string[] = [];
        for (let row = from; row < Math.min(keep.length, from + RECORDS_A_CHUNK); row++) {
          if (keep[row] === 0) continue;
          const bbox = Array.from(boxes.subarray(4 * row, 4 * row + 4));
          chunk.push(
            recordText({imageId: imageOf[row]!, categoryId: categoryOf[row]!, bbox, score: scores[row]!}),
          );
        }
        yield chunk;
      }
    },
  };
}

const RECORDS_A_CHUNK = 4096;
const BYTES_A_CHUNK = 1 << 20;

export type ResultsFileOptions = {
  /** 'segm': the records' masks are submitted, else their boxes. */
  readonly iouType: IouType;
  readonly images: SubmissionImages;
  /** Bytes that have been read, over both times. */
  readonly onProgress?: (done: number, total: number) => void;
};

/**
 * Records of a results JSON of any size. Fields that the server does not read are left out of what is submitted.
 * Scanning throws UsageError when there is no such file, and RunError naming record and field when a record is wrong.
 */
export function resultsFileSource(
  path: string,
  {iouType, images, onProgress}: ResultsFileOptions,
): SubmissionSource {
  return {
    async scan(visit) {
      await requireFile(path);
      const visitor: JsonVisitor = {
        element(section, index, value) {
          if (section !== '') return;
          const record = new JsonRecord(path, `[${index}]`, value);
          const fields = readFields(record, iouType);
          visit({...fields, where: `${path}: [${index}]`});
          // After `visit`, which knows whether the image is in the list.
          if (fields.segmentation !== undefined)
            checkMask(record, fields.imageId, fields.segmentation, images);
        },
      };
      const outline = await streamJson(path, visitor, {
        onProgress: (done, total) => onProgress?.(done, 2 * total),
      });
      if (outline.kind === 'object') {
        throw new RunError(`${path} is an object; results are a list of {image_id, category_id, ..., score}`);
      }
    },
    async *records(keep) {
      let chunk: string[] = [];
      const splitter = new JsonSplitter(path, {
        element(section, index, value) {
          if (section !== '' || index >= keep.length || keep[index] === 0) return;
          chunk.push(recordText(readFields(new JsonRecord(path, `[${index}]`, value), iouType)));
        },
      });
      const file = await open(path, 'r');
      try {
        const {size} = await file.stat();
        const bytes = Buffer.allocUnsafe(BYTES_A_CHUNK);
        for (let done = 0; ; ) {
          const {bytesRead} = await file.read(bytes, 0, BYTES_A_CHUNK);
          if (bytesRead === 0) break;
          splitter.feed(bytes.subarray(0, bytesRead));
          yield chunk;
          chunk = [];
          done += bytesRead;
          onProgress?.(size + done, 2 * size);
        }
        const records = splitter.end().sections.get('');
        if (records !== keep.length) {
          throw new RunError(
            `${path} had ${keep.length} records and now has ${records}; leave it as it is meanwhile`,
          );
        }
      } finally {
        await file.close();
      }
    },
  };
}

/** What cannot be read twice, such as a pipe, is refused; that there is nothing at all is told by whoever reads. */
async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isFile() || found.isDirectory()) return;
  throw new UsageError(`${path} is no file; detections for the server are read twice: write them to a file`);
}

type RunLengthText = {readonly size: readonly [height: number, width: number]; readonly counts: string};

type Fields = {
  readonly imageId: number;
  readonly categoryId: number;
  readonly score: number;
  readonly bbox?: readonly number[];
  readonly segmentation?: RunLengthText;
};

function readFields(record: JsonRecord, iouType: IouType): Fields {
  const imageId = record.integer('image_id');
  const categoryId = record.integer('category_id');
  const score = record.number('score');
  switch (iouType) {
    case 'bbox':
      return {imageId, categoryId, bbox: readBox(record), score};
    case 'segm':
      return {imageId, categoryId, segmentation: readSegmentation(record), score};
  }
}

function readBox(record: JsonRecord): readonly number[] {
  const value = record.value('bbox');
  const isBox = Array.isArray(value) && value.length === 4 && value.every(number => Number.isFinite(number));
  if (!isBox) throw record.wrong('bbox', '[x, y, width, height]');
  return value;
}

function readSegmentation(record: JsonRecord): RunLengthText {
  const value = record.value('segmentation');
  const expected =
    'compressed RLE, {"size": [height, width], "counts": "..."}, which is what the server reads';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw record.wrong('segmentation', expected);
  }
  const inner = new JsonRecord(record.file, `${record.where}.segmentation`, value);
  const size = inner.value('size');
  const counts = inner.value('counts');
  if (!isSize(size)) throw inner.wrong('size', '[height, width]');
  if (typeof counts !== 'string') throw inner.wrong('counts', 'the text of compressed RLE');
  return {size, counts};
}

function isSize(value: unknown): value is [number, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every(number => Number.isSafeInteger(number) && number > 0)
  );
}

/** @throws RunError for a mask that is not of its image's size, or whose runs do not fill it. */
function checkMask(
  record: JsonRecord,
  imageId: number,
  {size: [height, width], counts}: RunLengthText,
  images: SubmissionImages,
): void {
  const image = images.ids.get(imageId)!;
  const [expectedHeight, expectedWidth] = [images.heights[image]!, images.widths[image]!];
  if (expectedHeight > 0 && (height !== expectedHeight || width !== expectedWidth)) {
    throw new RunError(
      `${record.file}: ${record.where}.segmentation.size: expected [${expectedHeight}, ${expectedWidth}], the height and ` +
        `width of image ${imageId}, found [${height}, ${width}]`,
    );
  }
  try {
    parseRunLengths(counts, height, width);
  } catch (error) {
    if (!(error instanceof MaskError)) throw error;
    throw new RunError(`${record.file}: ${record.where}.segmentation.counts: ${error.message}`);
  }
}

function recordText({imageId, categoryId, bbox, segmentation, score}: Fields): string {
  return JSON.stringify({image_id: imageId, category_id: categoryId, bbox, segmentation, score});
}
