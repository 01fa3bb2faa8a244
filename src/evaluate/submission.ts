/**
 * The file that COCO's test server takes (cocodataset.org/#upload): `detections_test-dev2017_<name>_results.zip` with
 * one results JSON of the same name in it, at most 100 records an image.
 *
 * Detections are gone through twice, first to see which 100 of every image are the best, then to write those: what is in
 * memory is 12 bytes a detection and one chunk of text, however large the file is.
 */
import {randomBytes} from 'node:crypto';
import {type FileHandle, open, rename, rm} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {PassThrough, Readable} from 'node:stream';
import {ZipFile} from 'yazl';
import {RunError, UsageError} from '../errors.js';
import {makeFolder, writeError} from '../files/write-atomic.js';
import {sortByFallingScore} from './score-order.js';
import type {SubmissionImages} from './submission-images.js';

/** Detections an image that the server counts; more are an error there. */
export const MAX_RECORDS_PER_IMAGE = 100;

/** One detection as far as it has to be known to choose among them. */
export type SubmissionCandidate = {
  readonly imageId: number;
  readonly categoryId: number;
  readonly score: number;
  /** Where it is, for messages: `dets.json: [12]`. */
  readonly where: string;
};

/** Detections that can be gone through twice, in the same order. */
export type SubmissionSource = {
  /** Calls `visit` for every detection. @throws RunError for one that is wrong in itself. */
  scan(visit: (candidate: SubmissionCandidate) => void): Promise<void>;
  /** The records with keep[i] = 1 as JSON, some thousands at a time. */
  records(keep: Uint8Array): AsyncIterable<readonly string[]>;
};

export type SubmissionOptions = {
  readonly folder: string;
  /** Name of the algorithm: letters, digits, dots, hyphens and underscores. */
  readonly name: string;
  readonly images: SubmissionImages;
  /** Aborted: what was written is removed, and its reason is thrown. */
  readonly signal?: AbortSignal;
};

export type Submission = {
  readonly path: string;
  readonly records: number;
  /** Detections that were left out because their image has 100 better ones. */
  readonly leftOut: number;
  /** Images with at least one record, of the images of the list. */
  readonly imagesWithRecords: number;
  readonly images: number;
  /** Size of the zip and of the JSON in it. */
  readonly zipBytes: number;
  readonly jsonBytes: number;
};

/** @throws UsageError for a name that the server's file names cannot carry. */
export function submissionStem(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) {
    throw new UsageError(
      `--submit-name is ${JSON.stringify(name)}; give 1 to 100 letters, digits, dots, hyphens or underscores`,
    );
  }
  return `detections_test-dev2017_${name}_results`;
}

/**
 * Writes the zip: complete or not there at all.
 * @throws RunError for a detection of an image or category that the list does not have, or when it cannot be written.
 */
export async function writeSubmission(
  source: SubmissionSource,
  {folder, name, images, signal}: SubmissionOptions,
): Promise<Submission> {
  const stem = submissionStem(name);
  const candidates = await scanCandidates(source, images, signal);
  const keep = bestOfEveryImage(candidates, images.ids.size);
  const records = keep.reduce((sum, kept) => sum + kept, 0);
  const path = join(folder, `${stem}.zip`);
  const written = await writeZip(path, `${stem}.json`, jsonOf(source.records(keep)), signal);
  return {
    path,
    records,
    leftOut: keep.length - records,
    imagesWithRecords: new Set(candidates.images).size,
    images: images.ids.size,
    ...written,
  };
}

/** Row i is detection i of the source. */
type Candidates = {
  /** Position of the image in the list. */
  readonly images: Int32Array; // [D]
  readonly scores: Float64Array; // [D]
};

async function scanCandidates(
  source: SubmissionSource,
  known: SubmissionImages,
  signal: AbortSignal | undefined,
): Promise<Candidates> {
  let images = new Int32Array(4096);
  let scores = new Float64Array(4096);
  let count = 0;
  await source.scan(({imageId, categoryId, score, where}) => {
    signal?.throwIfAborted();
    const image = known.ids.get(imageId);
    if (image === undefined) {
      throw new RunError(
        `${where}.image_id: ${imageId} is not among the ${known.ids.size} images of ${known.file}; ` +
          'the server takes detections of the images of its list only',
      );
    }
    if (!known.categoryIds.has(categoryId)) {
      throw new RunError(
        `${where}.category_id: ${categoryId} is not among the categories of ${known.file}; ` +
          'the server knows those ids only',
      );
    }
    if (count === images.length) {
      images = grown(images, new Int32Array(2 * count));
      scores = grown(scores, new Float64Array(2 * count));
    }
    images[count] = image;
    scores[count++] = score;
  });
  return {images: images.subarray(0, count), scores: scores.subarray(0, count)};
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** 1 for the 100 best of every image; among equal scores the ones that come first. [D] */
function bestOfEveryImage({images, scores}: Candidates, imageCount: number): Uint8Array {
  const starts = new Int32Array(imageCount + 1);
  for (const image of images) starts[image + 1]!++;
  for (let image = 0; image < imageCount; image++) starts[image + 1]! += starts[image]!;
  const next = starts.slice();
  const rows = new Int32Array(images.length);
  images.forEach((image, row) => {
    rows[next[image]!++] = row;
  });
  const scratch = new Int32Array(rows.length);
  const keep = new Uint8Array(images.length);
  for (let image = 0; image < imageCount; image++) {
    const [from, to] = [starts[image]!, starts[image + 1]!];
    if (to - from > MAX_RECORDS_PER_IMAGE) sortByFallingScore(rows, scores, scratch, from, to);
    for (let i = from; i < Math.min(to, from + MAX_RECORDS_PER_IMAGE); i++) keep[rows[i]!] = 1;
  }
  return keep;
}

/** The list of records as it stands in the file. */
async function* jsonOf(records: AsyncIterable<readonly string[]>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const some of records) {
    if (some.length === 0) continue;
    yield Buffer.from(`${first ? '[\n' : ',\n'}${some.join(',\n')}`);
    first = false;
  }
  yield Buffer.from(first ? '[]\n' : '\n]\n');
}

type Written = Pick<Submission, 'zipBytes' | 'jsonBytes'>;

/** A zip of one file, written beside `path` and renamed into place when it is complete and on disk. */
async function writeZip(
  path: string,
  inner: string,
  json: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<Written> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await makeFolder(dirname(path));
    const file = await open(temporary, 'wx');
    let written: Written;
    try {
      written = await zipInto(file, inner, json, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return written;
  } catch (error) {
    await rm(temporary, {force: true}).catch(() => undefined);
    throw error instanceof RunError || signal?.aborted === true ? error : writeError(path, error);
  }
}

async function zipInto(
  file: FileHandle,
  inner: string,
  json: AsyncIterable<Buffer>,
  signal: AbortSignal | undefined,
): Promise<Written> {
  let zipBytes = 0;
  let jsonBytes = 0;
  const counted = async function* () {
    for await (const chunk of json) {
      jsonBytes += chunk.length;
      yield chunk;
    }
  };
  const zip = new ZipFile();
  const input = Readable.from(counted());
  const output = zip.outputStream.pipe(new PassThrough());
  // yazl ends its output only when all went well.
  const fail = (error: Error) => output.destroy(error);
  zip.on('error', fail);
  input.on('error', fail);
  const stop = () => output.destroy(signal?.reason);
  signal?.addEventListener('abort', stop, {once: true});
  zip.addReadStream(input, inner);
  zip.end();
  try {
    for await (const chunk of output) {
      zipBytes += chunk.length;
      await file.writeFile(chunk);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    input.destroy();
  }
  return {zipBytes, jsonBytes};
}
