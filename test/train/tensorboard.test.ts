import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {RunError} from '../../src/errors.js';
import {crc32c, maskedCrc32c} from '../../src/train/crc32c.js';
import {TensorBoardWriter, tfRecord} from '../../src/train/tensorboard.js';
import {temporaryFolder} from '../temporary-folder.js';

test('CRC-32C of the test patterns of RFC 3720, appendix B.4', t => {
  t.is(crc32c(new Uint8Array(32)), 0x8a9136aa);
  t.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  t.is(crc32c(Uint8Array.from({length: 32}, (_, i) => i)), 0x46dd794e);
  t.is(crc32c(Uint8Array.from({length: 32}, (_, i) => 31 - i)), 0x113fdb5c);
  t.is(crc32c(new Uint8Array()), 0);
});

test('the masked form rotates right by 15 and adds a constant', t => {
  // crc32c("123456789") = e3069283; e3069283 >>> 15 | e3069283 << 17 = 2507c60d; + a282ead8 = c78ab0e5.
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283);
  t.is(maskedCrc32c(Buffer.from('123456789')), 0xc78ab0e5);
});

/** Wire-format fields of a protobuf message: number, and the value by wire type. */
function fields(bytes: Buffer): {number: number; value: number | Buffer}[] {
  const found: {number: number; value: number | Buffer}[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = key >> 3;
    switch (key & 7) {
      case 0:
        found.push({number, value: varint()});
        break;
      case 1:
        found.push({number, value: bytes.readDoubleLE(at)});
        at += 8;
        break;
      case 2: {
        const length = varint();
        found.push({number, value: bytes.subarray(at, at + length)});
        at += length;
        break;
      }
      default:
        found.push({number, value: bytes.readFloatLE(at)});
        at += 4;
    }
  }
  return found;
}

function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const body = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 8) !== maskedCrc32c(file.subarray(at, at + 8))) throw new Error('length CRC');
    if (file.readUInt32LE(at + 12 + length) !== maskedCrc32c(body)) throw new Error('data CRC');
    found.push(body);
    at += 16 + length;
  }
  return found;
}

test('a record is its length, two checksums and the bytes', t => {
  const record = tfRecord(Buffer.from('abc'));
  t.is(record.byteLength, 8 + 4 + 3 + 4);
  t.deepEqual(records(Buffer.from(record)), [Buffer.from('abc')]);
});

test('an event file reads back: version, session start, scalars by tag', async t => {
  const folder = await temporaryFolder(t);
  const writer = new TensorBoardWriter(folder, 401, 1_700_000_000_500);
  writer.scalars(401, {'dense/total': 0.5, 'train/lr': Number.NaN}, 1_700_000_001_000);
  writer.close();
  const names = await readdir(folder);
  t.is(names.length, 1);
  t.regex(names[0]!, /^events\.out\.tfevents\.1700000000\./);
  const [version, start, scalars] = records(await readFile(join(folder, names[0]!))).map(fields);
  t.deepEqual(version, [
    {number: 1, value: 1_700_000_000.5},
    {number: 3, value: Buffer.from('brain.Event:2')},
  ]);
  t.deepEqual(start!.slice(1), [
    {number: 2, value: 401},
    {number: 7, value: Buffer.of(8, 1)},
  ]);
  const [time, step, summary] = scalars!;
  t.deepEqual([time!.value, step!.value], [1_700_000_001, 401]);
  const values = fields(summary!.value as Buffer).map(({value}) => fields(value as Buffer).map(f => f.value));
  t.deepEqual(values, [
    [Buffer.from('dense/total'), 0.5],
    [Buffer.from('train/lr'), Number.NaN],
  ]);
});

test('a folder that cannot be made is one line', async t => {
  const folder = await temporaryFolder(t);
  new TensorBoardWriter(folder, 1, 0).close();
  const [file] = await readdir(folder);
  t.throws(() => new TensorBoardWriter(join(folder, file!), 1), {
    instanceOf: RunError,
    message: /a file or folder of that name is in the way/,
  });
});
