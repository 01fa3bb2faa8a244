/**
 * The header of a safetensors file: eight bytes of length (little-endian), then JSON that maps a tensor's name to its
 * dtype, shape and byte range, and `__metadata__` to strings. Format: huggingface/safetensors, README "Format".
 *
 * A file is refused unless its ranges cover the data exactly once, so that no two readers can see different tensors.
 */
import {z} from 'zod';
import {RunError} from '../errors.js';

const ELEMENT_BYTES = {F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1, BOOL: 1} as const;

export type Dtype = keyof typeof ELEMENT_BYTES;

export type TensorEntry = {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Where the tensor's bytes are, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
};

export type Header = {
  readonly metadata: ReadonlyMap<string, string>;
  readonly entries: ReadonlyMap<string, TensorEntry>;
};

/** The reference implementation's limit; a length beyond it is a file of another kind. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Bytes of the header's own length. */
export const LENGTH_BYTES = 8;
const METADATA = '__metadata__';

const naturalNumber = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(naturalNumber),
  data_offsets: z.tuple([naturalNumber, naturalNumber]),
});

export function bytesPerElement(dtype: Dtype): number {
  return ELEMENT_BYTES[dtype];
}

/** What a broken file means to the person at the terminal. */
export function unusable(path: string, reason: string): RunError {
  return new RunError(`${path} is not a usable safetensors file: ${reason}; copy or make it again`);
}

/**
 * @param dataBytes bytes of the file after the header
 * @throws RunError naming `path` for anything but a valid header of exactly `dataBytes` bytes of data
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, path: string): Header {
  const json = parseObject(bytes, path);
  const metadata = new Map<string, string>();
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name === METADATA) readMetadata(value, metadata, path);
    else entries.set(name, parseEntry(name, value, path));
  }
  requireContiguous([...entries.values()], dataBytes, path);
  return {metadata, entries};
}

function parseObject(bytes: Uint8Array, path: string): object {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
    json = JSON.parse(text);
  } catch {
    throw unusable(path, 'its header is not JSON');
  }
  if (typeof json !== 'object' || json === null || !text.startsWith('{')) {
    throw unusable(path, 'its header is not a JSON object');
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw unusable(path, `its header holds ${JSON.stringify(duplicate)} twice`);
  return json;
}

function readMetadata(value: unknown, metadata: Map<string, string>, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unusable(path, 'its metadata is not an object of strings');
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw unusable(path, `its metadata ${JSON.stringify(key)} is not a string`);
    metadata.set(key, text);
  }
}

function parseEntry(name: string, value: unknown, path: string): TensorEntry {
  const quoted = JSON.stringify(name);
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) throw unusable(path, `the header's entry of tensor ${quoted} is malformed`);
  const {dtype, shape, data_offsets: offsets} = parsed.data;
  if (!isDtype(dtype)) {
    throw new RunError(
      `${path}: tensor ${quoted} has dtype ${JSON.stringify(dtype)}; convert it to one of ${Object.keys(ELEMENT_BYTES).join(', ')}`,
    );
  }
  const [begin, end] = offsets;
  const size = shape.reduce((product, side) => product * side, bytesPerElement(dtype));
  if (!Number.isSafeInteger(size) || end - begin !== size) {
    throw unusable(
      path,
      `tensor ${quoted} of ${dtype} [${shape.join(', ')}] needs ${size} bytes and has ${end - begin}`,
    );
  }
  return {name, dtype, shape, begin, end};
}

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

function requireContiguous(entries: readonly TensorEntry[], dataBytes: number, path: string): void {
  const ordered = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const {name, begin, end} of ordered) {
    const quoted = JSON.stringify(name);
    if (begin < position) throw unusable(path, `tensor ${quoted} overlaps another one at byte ${begin}`);
    if (begin > position) throw unusable(path, `bytes ${position} to ${begin} belong to no tensor`);
    if (end > dataBytes) {
      throw unusable(path, `it is truncated: tensor ${quoted} ends at byte ${end} of ${dataBytes}`);
    }
    position = end;
  }
  if (position !== dataBytes) throw unusable(path, `bytes ${position} to ${dataBytes} belong to no tensor`);
}

/** The first key that an object of `json` (valid JSON) holds twice; `JSON.parse` would keep the last one silently. */
function duplicateKey(json: string): string | undefined {
  const scopes: Set<string>[] = [];
  for (let i = 0; i < json.length; i++) {
    switch (json[i]) {
      case '{':
        scopes.push(new Set());
        break;
      case '}':
        scopes.pop();
        break;
      case '"': {
        const end = closingQuote(json, i);
        if (nextSymbol(json, end + 1) === ':') {
          const key: unknown = JSON.parse(json.slice(i, end + 1));
          const scope = scopes.at(-1);
          if (typeof key === 'string' && scope !== undefined) {
            if (scope.has(key)) return key;
            scope.add(key);
          }
        }
        i = end;
        break;
      }
      default:
    }
  }
  return undefined;
}

function closingQuote(json: string, opening: number): number {
  let i = opening + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i;
}

function nextSymbol(json: string, from: number): string | undefined {
  let i = from;
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++;
  return json[i];
}

/** Length and JSON, padded with spaces so that the data begin at a multiple of eight bytes. */
export function encodeHeader(
  entries: readonly TensorEntry[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const members = entries.map(
    ({name, dtype, shape, begin, end}) =>
      `${JSON.stringify(name)}:${JSON.stringify({dtype, shape, data_offsets: [begin, end]})}`,
  );
  if (metadata.size > 0) {
    const strings = [...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    members.unshift(`${JSON.stringify(METADATA)}:{${strings.join(',')}}`);
  }
  const json = Buffer.from(`{${members.join(',')}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  const bytes = Buffer.alloc(LENGTH_BYTES + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length), 0);
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}
