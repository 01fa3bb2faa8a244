/**
 * The container of darknet's weights: a header, then float32 numbers and nothing that says what they are. As its
 * load_weights_upto reads them (darknet, src/parser.c): version as three int32 (major, minor, revision), then the number of
 * images seen in training, as int64 where major * 10 + minor is 2 or more and as int32 before. Little-endian.
 */
import {type FileHandle, open} from 'node:fs/promises';
import {RunError} from '../errors.js';
import {readBytes, readError} from '../files/read-bytes.js';

/** An open file: its header is read and checked. */
export type DarknetFile = {
  readonly path: string;
  /** Such as 0.2.0. */
  readonly version: string;
  readonly imagesSeen: number;
  readonly headerBytes: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** The next `count` numbers. @throws RunError when the file has changed since it was opened. */
  read(count: number): Promise<Float32Array>;
  /** Byte that the next number begins at. */
  readonly position: number;
  close(): Promise<void>;
};

export const FLOAT_BYTES = 4;
const VERSION_BYTES = 12;
/** Versions are 0.1.0 and 0.2.0, 0.2.5 in copies of darknet; above 1000 they mark a layout that no convolution has. */
const VERSION_LIMIT = 1000;

/** @throws RunError naming the file when it is missing or its header is not darknet's. */
export async function openDarknetFile(path: string): Promise<DarknetFile> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw readError(path, error, "file of darknet's weights");
  });
  try {
    const {size} = await file.stat();
    const header = await readHeader(file, path);
    let position = header.headerBytes;
    return {
      ...header,
      path,
      bytes: size,
      get position() {
        return position;
      },
      async read(count) {
        const bytes = await readBytes(file, position, count * FLOAT_BYTES, at => endsAt(path, at));
        position += bytes.byteLength;
        return new Float32Array(bytes);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw readError(path, error, "file of darknet's weights");
  }
}

async function readHeader(file: FileHandle, path: string) {
  const read = async (position: number, length: number): Promise<Buffer> =>
    Buffer.from(await readBytes(file, position, length, at => endsAt(path, at)));
  const start = await read(0, VERSION_BYTES);
  const [major, minor, revision] = [0, 4, 8].map(at => start.readInt32LE(at)) as [number, number, number];
  const version = `${major}.${minor}.${revision}`;
  if ([major, minor, revision].some(part => part < 0 || part >= VERSION_LIMIT)) {
    throw new RunError(
      `${path} is no file of darknet's weights: bytes 0 to ${VERSION_BYTES} give version ${version}, expected one such as 0.2.0`,
    );
  }
  const seenBytes = major * 10 + minor >= 2 ? 8 : 4;
  const seen = await read(VERSION_BYTES, seenBytes);
  const imagesSeen = seenBytes === 8 ? Number(seen.readBigInt64LE()) : seen.readInt32LE();
  if (imagesSeen < 0 || !Number.isSafeInteger(imagesSeen)) {
    throw new RunError(
      `${path} is no file of darknet's weights: byte ${VERSION_BYTES} gives ${imagesSeen} images seen in training, expected a count`,
    );
  }
  return {version, imagesSeen, headerBytes: VERSION_BYTES + seenBytes};
}

function endsAt(path: string, position: number): RunError {
  return new RunError(`${path} ends at byte ${position}, within what was being read; copy it again`);
}
