/**
 * One annotation file of PASCAL VOC (Everingham et al., development kit, section "Annotation"): XML with 1-based pixel
 * numbers, both corners inside the box.
 */
import {XMLParser, XMLValidator} from 'fast-xml-parser';
import {RunError} from '../errors.js';
import {describe, isObject} from './json-record.js';

export type VocObject = {
  readonly name: string;
  /** Continuous XYXY: pixel n spans n - 1 to n. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  readonly difficult: boolean;
};

export type VocAnnotation = {
  /** What the file says of its image's name, if it does. */
  readonly fileName: string | undefined;
  /** Undefined where the file records no size, or 0 as some tools do. */
  readonly size: {readonly width: number; readonly height: number} | undefined;
  readonly objects: readonly VocObject[];
};

/** Far above any file of boxes. */
export const MAX_XML_BYTES = 16 << 20;
const MAX_NESTED_TAGS = 32;

/** Tag values stay text: names like 007 and numbers alike. Attributes have no meaning here. */
const PARSER = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: true,
  maxNestedTags: MAX_NESTED_TAGS,
  isArray: name => name === 'object',
});

/**
 * Parses `xml`. A box may lack area; that is for the caller to judge.
 * @param file names the file in messages
 * @throws RunError when it is not XML, declares entities, or lacks a name or a number.
 */
export function parseVocAnnotation(xml: string, file: string): VocAnnotation {
  if (xml.length > MAX_XML_BYTES)
    throw new RunError(`${file}: larger than ${MAX_XML_BYTES >> 20} MiB, which no annotation file is`);
  // Without declarations of its own a document has the five entities of XML and no way to grow.
  if (/<!(DOCTYPE|ENTITY)/i.test(xml))
    throw new RunError(`${file}: declares a document type, which no annotation file needs; remove it`);
  const root = parseXml(xml, file);
  const annotation = isObject(root) ? root.annotation : undefined;
  // An empty element parses to an empty text.
  if (annotation === '') return {fileName: undefined, size: undefined, objects: []};
  if (!isObject(annotation)) throw new RunError(`${file}: there is no element <annotation>`);
  const objects = Array.isArray(annotation.object) ? annotation.object : [];
  const fileName = annotation.filename;
  return {
    fileName: typeof fileName === 'string' && fileName !== '' ? fileName : undefined,
    size: sizeOf(annotation.size, file),
    objects: objects.map((object: unknown, i) => vocObject(object, `${file}: object ${i + 1}`)),
  };
}

function parseXml(xml: string, file: string): unknown {
  const verdict = XMLValidator.validate(xml);
  if (verdict !== true) {
    const {msg, line} = verdict.err;
    throw new RunError(`${file}:${line}: not valid XML: ${msg.replaceAll(/\s+/g, ' ').slice(0, 120)}`);
  }
  try {
    return PARSER.parse(xml);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RunError(`${file}: not valid XML: ${reason.replaceAll(/\s+/g, ' ').slice(0, 120)}`);
  }
}

function sizeOf(value: unknown, file: string): VocAnnotation['size'] {
  if (!isObject(value)) return undefined;
  const width = number(value.width, `${file}: size: width`);
  const height = number(value.height, `${file}: size: height`);
  if (!Number.isInteger(width) || !Number.isInteger(height))
    throw new RunError(`${file}: size: expected whole pixels, found ${width} x ${height}`);
  return width > 0 && height > 0 ? {width, height} : undefined;
}

function vocObject(value: unknown, where: string): VocObject {
  if (!isObject(value)) throw new RunError(`${where}: it is empty`);
  const {name, bndbox, difficult} = value;
  if (typeof name !== 'string' || name === '') throw new RunError(`${where}: it has no name`);
  if (!isObject(bndbox)) throw new RunError(`${where} (${describe(name)}): it has no one bndbox`);
  const corner = (key: string) => number(bndbox[key], `${where} (${describe(name)}): bndbox: ${key}`);
  return {
    name,
    box: [corner('xmin') - 1, corner('ymin') - 1, corner('xmax'), corner('ymax')],
    difficult: difficult === '1' || difficult === 'true',
  };
}

function number(value: unknown, where: string): number {
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  if (!Number.isFinite(parsed))
    throw new RunError(
      `${where}: expected a number, ${value === undefined ? 'it is missing' : `found ${describe(value)}`}`,
    );
  return parsed;
}
