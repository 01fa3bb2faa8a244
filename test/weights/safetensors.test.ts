import {truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {RunError} from '../../src/errors.js';
import {Random} from '../../src/random/random.js';
import {
  openSafetensors,
  readSafetensors,
  safetensorsChunks,
  writeSafetensors,
} from '../../src/weights/safetensors.js';
import {temporaryFolder} from '../temporary-folder.js';

/** A file by hand: length of the header, header, data. */
function fileOf(
  header: string,
  data: Uint8Array = new Uint8Array(),
  length = Buffer.byteLength(header),
): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(length));
  return Buffer.concat([prefix, Buffer.from(header), data]);
}

/** The message for a file of these bytes, which must be one line that names the file. */
async function refusal(t: ExecutionContext, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(t), 'weights.safetensors');
  await writeFile(path, bytes);
  const error = await t.throwsAsync(readSafetensors(path), {instanceOf: RunError});
  t.true(error.message.includes(path));
  t.false(error.message.includes('\n'));
  return error.message;
}

test('what is written is read back, with shapes, types and metadata', async t => {
  const path = join(await temporaryFolder(t), 'a.safetensors');
  const tensors = [
    {name: 'bytes', shape: [3], values: Uint8Array.of(1, 0, 255)},
    {name: 'weight', shape: [2, 2], values: Float32Array.of(1, -2.5, Number.NaN, Number.POSITIVE_INFINITY)},
    {name: 'steps', shape: [], values: Int32Array.of(-7)},
    {name: 'long', shape: [1], values: BigInt64Array.of(2n ** 60n)},
    {name: 'double', shape: [1], values: Float64Array.of(Math.PI)},
    {name: 'nothing', shape: [0, 4], values: new Float32Array(0)},
  ];
  await writeSafetensors(path, tensors, new Map([['class names', '["cat","\\u0000"]']]));
  const file = await readSafetensors(path);
  t.deepEqual([...file.metadata], [['class names', '["cat","\\u0000"]']]);
  t.is(file.tensors.size, tensors.length);
  for (const tensor of tensors) t.deepEqual(file.tensors.get(tensor.name), tensor);
});

test('a name like an object property is a name', async t => {
  const path = join(await temporaryFolder(t), 'a.safetensors');
  const names = ['__proto__', 'constructor', '10', '2', 'a"b\n'];
  const tensors = names.map((name, i) => ({name, shape: [1], values: Float32Array.of(i)}));
  await writeSafetensors(path, tensors, new Map([['__proto__', 'text']]));
  const file = await readSafetensors(path);
  t.is(file.metadata.get('__proto__'), 'text');
  for (const tensor of tensors) t.deepEqual(file.tensors.get(tensor.name), tensor);
});

test('the data begin at a multiple of eight bytes, larger elements first', t => {
  const [header, first] = [
    ...safetensorsChunks([
      {name: 'b', shape: [3], values: Uint8Array.of(1, 2, 3)},
      {name: 'f', shape: [1], values: Float32Array.of(1)},
    ]),
  ];
  t.is(header!.byteLength % 8, 0);
  t.deepEqual([...first!], [0, 0, 0x80, 0x3f]);
});

test('half precision and the upper half of float32 are widened', async t => {
  const path = join(await temporaryFolder(t), 'a.safetensors');
  // F16: 1.0 = 3c00, -2 = c000, smallest subnormal 2^-24 = 0001, infinity 7c00. BF16: 1.0 = 3f80, -3.140625 = c049.
  const data = Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c, 0x80, 0x3f, 0x49, 0xc0, 1, 0);
  const header =
    '{"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},' +
    '"flags":{"dtype":"BOOL","shape":[2],"data_offsets":[12,14]}}';
  await writeFile(path, fileOf(header, data));
  const {tensors} = await readSafetensors(path);
  t.deepEqual(tensors.get('h')?.values, Float32Array.of(1, -2, 2 ** -24, Number.POSITIVE_INFINITY));
  t.deepEqual(tensors.get('b')?.values, Float32Array.of(1, -3.140625));
  t.deepEqual(tensors.get('flags')?.values, Uint8Array.of(1, 0));
});

test('a file that is cut anywhere is refused', async t => {
  const folder = await temporaryFolder(t);
  const whole = Buffer.concat([
    ...safetensorsChunks([{name: 'w', shape: [3], values: Float32Array.of(1, 2, 3)}], new Map([['k', 'v']])),
  ]);
  for (let length = 0; length < whole.byteLength; length++) {
    const path = join(folder, `${length}.safetensors`);
    await writeFile(path, whole.subarray(0, length));
    await t.throwsAsync(readSafetensors(path), {instanceOf: RunError});
  }
});

test('a file with random damage is read or refused, never anything else', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'a.safetensors');
  const whole = Buffer.concat([
    ...safetensorsChunks([
      {name: 'w', shape: [3], values: Float32Array.of(1, 2, 3)},
      {name: 'b', shape: [1], values: Int32Array.of(4)},
    ]),
  ]);
  const random = new Random(0, 'damage');
  for (let round = 0; round < 500; round++) {
    const damaged = Buffer.from(whole);
    for (let i = 0; i <= random.int(3); i++) damaged[random.int(damaged.length)] = random.int(256);
    await writeFile(path, damaged);
    try {
      await readSafetensors(path);
    } catch (error) {
      t.true(error instanceof RunError, String(error));
    }
  }
  t.pass();
});

test('a header that claims 10 GB is refused without asking for the memory', async t => {
  t.regex(await refusal(t, fileOf('{}', new Uint8Array(), 10_000_000_000)), /claims 10000000000 bytes/);
});

test('a length that is no length is refused: all ones, or longer than the file', async t => {
  t.regex(await refusal(t, Buffer.alloc(16, 0xff)), /claims 18446744073709551615 bytes/);
  t.regex(await refusal(t, fileOf('{}', new Uint8Array(), 3)), /truncated/);
});

test('a file of another kind is refused', async t => {
  t.regex(await refusal(t, Buffer.from('PK\u0003\u0004 a zip archive with a long enough body')), /claims/);
  t.regex(await refusal(t, Buffer.from('short')), /has 5 bytes/);
  t.regex(await refusal(t, fileOf('[1, 2]')), /not a JSON object/);
  t.regex(await refusal(t, fileOf('{"a":')), /not JSON/);
  t.regex(await refusal(t, fileOf('"a" ')), /not a JSON object/);
});

const entry = (begin: number, end: number, shape = `[${(end - begin) / 4}]`): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

test('byte ranges must cover the data exactly once', async t => {
  const data = new Uint8Array(16);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 12)},"b":${entry(8, 16)}}`, data)), /"b" overlaps/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4)},"b":${entry(8, 16)}}`, data)), /bytes 4 to 8 belong/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 12)}}`, data)), /bytes 12 to 16 belong/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 32)}}`, data)), /truncated/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 16, '[3]')}}`, data)), /needs 12 bytes and has 16/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 16, '[94906267, 94906267]')}}`, data)), /needs/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(16, 0, '[4]')}}`, data)), /needs 16 bytes and has -16/);
});

test('malformed entries are refused', async t => {
  const data = new Uint8Array(4);
  t.regex(await refusal(t, fileOf('{"a":1}', data)), /"a" is malformed/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4, '[-1]')}}`, data)), /malformed/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4, '[0.5]')}}`, data)), /malformed/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4).replace('}', ',"more":1}')}}`, data)), /malformed/);
  t.regex(
    await refusal(t, fileOf(`{"a":${entry(0, 4).replace('}', ',"__proto__":{}}')}}`, data)),
    /malformed/,
  );
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4).replace('F32', 'F8_E4M3')}}`, data)), /convert it/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4).replace('F32', 'toString')}}`, data)), /convert it/);
  t.regex(await refusal(t, fileOf('{"__metadata__":{"a":1}}')), /"a" is not a string/);
  t.regex(await refusal(t, fileOf('{"__metadata__":[]}')), /not an object of strings/);
});

test('a name that appears twice is refused, however it is spelled', async t => {
  const data = new Uint8Array(8);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4)},"a":${entry(4, 8)}}`, data)), /"a" twice/);
  t.regex(await refusal(t, fileOf(`{"a":${entry(0, 4)},"\\u0061" :${entry(4, 8)}}`, data)), /"a" twice/);
  t.regex(await refusal(t, fileOf('{"__metadata__":{"k":"\\"k\\":","k":""}}')), /"k" twice/);
});

test('two tensors of one name are not written', t => {
  const tensor = {name: 'a', shape: [1], values: Float32Array.of(1)};
  t.throws(() => [...safetensorsChunks([tensor, tensor])], {message: /two tensors are called a/});
  t.throws(() => [...safetensorsChunks([{...tensor, shape: [2]}])], {message: /1 values and shape \[2\]/});
});

test('a missing file and a folder are told apart', async t => {
  const folder = await temporaryFolder(t);
  await t.throwsAsync(readSafetensors(join(folder, 'none.safetensors')), {message: /there is no such file/});
  await t.throwsAsync(readSafetensors(folder), {message: /it is a folder/});
});

test('tensors beyond 2 GiB are found at their place', async t => {
  const path = join(await temporaryFolder(t), 'large.safetensors');
  const small = 2 ** 31 + 2 ** 20;
  const header =
    `{"large":{"dtype":"U8","shape":[${small}],"data_offsets":[0,${small}]},` +
    `"last":{"dtype":"F32","shape":[1],"data_offsets":[${small},${small + 4}]}}`;
  // A sparse file: zeros that take no room on the disk.
  await writeFile(path, fileOf(header));
  await truncate(path, fileOf(header).byteLength + small + 4);
  const file = await openSafetensors(path);
  t.deepEqual((await file.read('last')).values, Float32Array.of(0));
  await t.throwsAsync(file.read('other'), {message: /holds no tensor "other"/});
  await file.close();
});
