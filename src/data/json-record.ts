/** Fields of JSON records, read with their types checked: a wrong one is an error that names file, record and field. */
import {RunError} from '../errors.js';

/** One JSON object of a file. `where` says which, such as `annotations[12]`. */
export class JsonRecord {
  private readonly fields: Readonly<Record<string, unknown>>;

  /** @throws RunError when `value` is not an object. */
  constructor(
    readonly file: string,
    readonly where: string,
    value: unknown,
  ) {
    if (!isObject(value))
      throw new RunError(`${file}: ${where}: expected an object, found ${describe(value)}`);
    this.fields = value;
  }

  /** The field as it is; undefined when absent or null. Only the record's own fields count. */
  value(field: string): unknown {
    return Object.hasOwn(this.fields, field) ? (this.fields[field] ?? undefined) : undefined;
  }

  has(field: string): boolean {
    return this.value(field) !== undefined;
  }

  number(field: string): number {
    const value = this.value(field);
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong(field, 'a number');
    return value;
  }

  integer(field: string): number {
    const value = this.value(field);
    if (!Number.isSafeInteger(value)) throw this.wrong(field, 'an integer');
    return value as number;
  }

  positiveInteger(field: string): number {
    const value = this.value(field);
    if (!Number.isSafeInteger(value) || (value as number) <= 0) throw this.wrong(field, 'a positive integer');
    return value as number;
  }

  text(field: string): string {
    const value = this.value(field);
    if (typeof value !== 'string' || value === '') throw this.wrong(field, 'a text that is not empty');
    return value;
  }

  /** 0 or 1, or true or false; absent is false. */
  flag(field: string): boolean {
    const value = this.value(field) ?? 0;
    if (value !== 0 && value !== 1 && typeof value !== 'boolean') throw this.wrong(field, '0 or 1');
    return value === 1 || value === true;
  }

  /** The error for a field that is not what it should be. */
  wrong(field: string, expected: string): RunError {
    const value = Object.hasOwn(this.fields, field) ? this.fields[field] : undefined;
    const found = value === undefined ? 'it is missing' : `found ${describe(value)}`;
    return new RunError(`${this.file}: ${this.where}.${field}: expected ${expected}, ${found}`);
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in a few words, on one line. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) {
    const text = value.every(item => typeof item === 'number' || item === null) ? JSON.stringify(value) : '';
    return text !== '' && text.length <= 60 ? text : `a list of ${value.length}`;
  }
  if (isObject(value)) return 'an object';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 56)}..."`;
}
