/**
 * Event files that TensorBoard reads: TFRecords (length, masked CRC, bytes, masked CRC) of `tensorflow.Event`
 * messages, of which this writes the few fields that scalars need (tensorflow/core/util/event.proto, framework/summary.proto).
 */
import {closeSync, mkdirSync, openSync, writeSync} from 'node:fs';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {writeError} from '../files/write-atomic.js';
import {maskedCrc32c} from './crc32c.js';

// Field numbers of tensorflow.Event, Summary, Summary.Value and SessionLog.
const EVENT = {wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7} as const;
const SUMMARY_VALUE = 1;
const VALUE = {tag: 1, simpleValue: 2} as const;
const SESSION_LOG_STATUS = 1;
const SESSION_START = 1;

/** One file a session; a resumed run starts a new one, and TensorBoard forgets the steps that it makes again. */
export class TensorBoardWriter {
  private readonly path: string;
  private readonly file: number;

  /**
   * @param firstStep the first step that this session writes
   * @throws RunError when the folder is not writable
   */
  constructor(folder: string, firstStep: number, now = Date.now()) {
    const seconds = String(Math.floor(now / 1000)).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`);
    try {
      mkdirSync(folder, {recursive: true});
      this.file = openSync(this.path, 'a');
    } catch (error) {
      throw writeError(this.path, error);
    }
    const time = double(EVENT.wallTime, now / 1000);
    this.write(Buffer.concat([time, text(EVENT.fileVersion, 'brain.Event:2')]));
    // A START tells readers to drop earlier events of this and later steps.
    const start = message(EVENT.sessionLog, integer(SESSION_LOG_STATUS, SESSION_START));
    this.write(Buffer.concat([time, integer(EVENT.step, firstStep), start]));
  }

  /** All values of a step in one event. @throws RunError when the disk is full. */
  scalars(step: number, values: Readonly<Record<string, number>>, now = Date.now()): void {
    const summary = Object.entries(values).map(([tag, value]) =>
      message(SUMMARY_VALUE, Buffer.concat([text(VALUE.tag, tag), float(VALUE.simpleValue, value)])),
    );
    this.write(
      Buffer.concat([
        double(EVENT.wallTime, now / 1000),
        integer(EVENT.step, step),
        message(EVENT.summary, Buffer.concat(summary)),
      ]),
    );
  }

  close(): void {
    closeSync(this.file);
  }

  private write(event: Uint8Array): void {
    const record = tfRecord(event);
    try {
      for (let offset = 0; offset < record.byteLength; ) offset += writeSync(this.file, record, offset);
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}

/** uint64 length, masked CRC of the length, the bytes, masked CRC of the bytes; little-endian. */
export function tfRecord(bytes: Uint8Array): Uint8Array {
  const record = Buffer.alloc(12 + bytes.byteLength + 4);
  record.writeBigUInt64LE(BigInt(bytes.byteLength), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(bytes, 12);
  record.writeUInt32LE(maskedCrc32c(bytes), 12 + bytes.byteLength);
  return record;
}

// Protobuf wire format: a key of field number and wire type, then the value.
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function key(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([key(field, VARINT), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED_64), bytes]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, FIXED_32), bytes]);
}

function message(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([key(field, LENGTH_DELIMITED), varint(bytes.byteLength), bytes]);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value));
}
