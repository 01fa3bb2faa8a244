/**
 * Named arrays in a safetensors file: what checkpoints are kept in, and what other tools read and write.
 * Tensors are read one by one in bounded pieces, so that neither side of 2 GiB matters. Little-endian hosts only, as
 * every platform that Node's tensor backends run on.
 */
import {type FileHandle, open} from 'node:fs/promises';
import {RunError} from '../errors.js';
import {readBytes, readError} from '../files/read-bytes.js';
import {writeFileAtomic} from '../files/write-atomic.js';
import {
  type Dtype,
  encodeHeader,
  type Header,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseHeader,
  type TensorEntry,
  unusable,
} from './safetensors-header.js';

export type {Dtype, TensorEntry} from './safetensors-header.js';

export type TensorValues = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in host memory. F16 and BF16 files are read as Float32Array, BOOL as Uint8Array of 0 and 1. */
export type StoredTensor = {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: TensorValues;
};

/** An open file: its header is read and checked, its tensors are read when asked for. */
export type SafetensorsFile = Header & {
  readonly path: string;
  /** @throws RunError when the file has no such tensor or has changed since it was opened. */
  read(name: string): Promise<StoredTensor>;
  close(): Promise<void>;
};

const KIND = 'safetensors file';

/** @throws RunError naming the file when it is missing, truncated or malformed. */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw readError(path, error, KIND);
  });
  try {
    const {size} = await file.stat();
    const ended = endedAt(path);
    const {header, dataStart} = await readHeader(file, size, path);
    return {
      ...header,
      path,
      async read(name) {
        const entry = header.entries.get(name);
        if (entry === undefined) throw new RunError(`${path} holds no tensor ${JSON.stringify(name)}`);
        const bytes = await readBytes(file, dataStart + entry.begin, entry.end - entry.begin, ended);
        return {name, shape: entry.shape, values: decode(entry.dtype, bytes)};
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw readError(path, error, KIND);
  }
}

/** The whole file in memory. @throws RunError as `openSafetensors`. */
export async function readSafetensors(path: string): Promise<{
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
    return {metadata: file.metadata, tensors};
  } finally {
    await file.close();
  }
}

/**
 * The bytes of a file, piece by piece, without copying the values. Larger elements come first: every tensor is aligned.
 * @throws Error when two tensors share a name or a shape does not fit its values.
 */
export function* safetensorsChunks(
  tensors: readonly StoredTensor[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Generator<Uint8Array> {
  const ordered = tensors.toSorted((a, b) => b.values.BYTES_PER_ELEMENT - a.values.BYTES_PER_ELEMENT);
  const entries: TensorEntry[] = [];
  const names = new Set<string>(['__metadata__']);
  let position = 0;
  for (const {name, shape, values} of ordered) {
    if (names.has(name)) throw new Error(`two tensors are called ${name}`);
    names.add(name);
    if (shape.reduce((product, side) => product * side, 1) !== values.length) {
      throw new Error(`tensor ${name} has ${values.length} values and shape [${shape.join(', ')}]`);
    }
    const end = position + values.byteLength;
    entries.push({name, dtype: dtypeOf(values), shape, begin: position, end});
    position = end;
  }
  yield encodeHeader(entries, metadata);
  for (const {values} of ordered) yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Either the whole new file or the old one. @throws RunError when the disk is full or the folder not writable. */
export async function writeSafetensors(
  path: string,
  tensors: readonly StoredTensor[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await writeFileAtomic(path, safetensorsChunks(tensors, metadata));
}

function endedAt(path: string): (position: number) => Error {
  return position => unusable(path, `it ends at byte ${position}`);
}

async function readHeader(
  file: FileHandle,
  size: number,
  path: string,
): Promise<{header: Header; dataStart: number}> {
  const ended = endedAt(path);
  if (size < LENGTH_BYTES) throw unusable(path, `it has ${size} bytes`);
  const length = Buffer.from(await readBytes(file, 0, LENGTH_BYTES, ended)).readBigUInt64LE(0);
  if (length > MAX_HEADER_BYTES) {
    throw unusable(path, `its header claims ${length} bytes, the limit is ${MAX_HEADER_BYTES}`);
  }
  const dataStart = LENGTH_BYTES + Number(length);
  if (dataStart > size) throw unusable(path, `it is truncated: a header of ${length} bytes in ${size} bytes`);
  const bytes = await readBytes(file, LENGTH_BYTES, Number(length), ended);
  return {header: parseHeader(new Uint8Array(bytes), size - dataStart, path), dataStart};
}

function dtypeOf(values: TensorValues): Dtype {
  if (values instanceof Float32Array) return 'F32';
  if (values instanceof Float64Array) return 'F64';
  if (values instanceof Int32Array) return 'I32';
  if (values instanceof BigInt64Array) return 'I64';
  return 'U8';
}

function decode(dtype: Dtype, bytes: ArrayBuffer): TensorValues {
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes);
    case 'F64':
      return new Float64Array(bytes);
    case 'I32':
      return new Int32Array(bytes);
    case 'I64':
      return new BigInt64Array(bytes);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(bytes);
    case 'F16':
      return Float32Array.from(new Uint16Array(bytes), halfToNumber);
    case 'BF16':
      return bfloatToFloat(new Uint16Array(bytes));
  }
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a float32. */
function bfloatToFloat(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = (halves[i] as number) << 16;
  return new Float32Array(words.buffer);
}
