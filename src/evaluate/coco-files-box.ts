/** The field `bbox` of COCO's records: left, top, width, height in pixels. */
import type {JsonRecord} from '../data/json-record.js';

/** @throws RunError when the record has no box, or one of the wrong form. */
export function readBox(record: JsonRecord): readonly [number, number, number, number] {
  const value = record.value('bbox');
  const isBox = Array.isArray(value) && value.length === 4 && value.every(number => Number.isFinite(number));
  if (!isBox) throw record.wrong('bbox', '[x, y, width, height]');
  return [value[0], value[1], value[2], value[3]];
}
