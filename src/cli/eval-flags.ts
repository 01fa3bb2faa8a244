/** The flags of `sf eval`: what each means, and with which of its uses it means something. */
import {suggestion} from '../config/suggest.js';
import {UsageError} from '../errors.js';
import type {CocoCategory} from '../evaluate/coco-data.js';
import {type CocoParameters, IOU_THRESHOLDS, type IouType} from '../evaluate/coco-parameters.js';
import {type EngineFlags, parseChoice, parseList, parseNumber, parseWhole} from './flags.js';

export type EvalFlags = EngineFlags & {
  readonly annotations?: string;
  readonly results?: string;
  readonly metric?: 'coco' | 'voc';
  readonly iouType?: IouType;
  readonly maxDets?: readonly number[];
  readonly iou?: readonly number[];
  readonly classAgnostic?: boolean;
  readonly categories?: readonly string[];
  readonly imagesFile?: string;
  readonly analyze?: string;
  readonly selfCheck?: boolean;
  readonly submit?: string;
  readonly submitName?: string;
  readonly cores?: number;
  readonly data?: string;
  readonly split?: string;
  readonly out?: string;
  readonly set?: readonly string[];
  readonly json?: string;
};

/** What one call of `sf eval` is for. */
export type EvalUse =
  | 'run'
  | 'run-voc'
  | 'run-submit'
  | 'files'
  | 'files-voc'
  | 'files-submit'
  | 'self-check';

/** How a message calls the use. */
const CALLED: {readonly [use in EvalUse]: string} = {
  run: 'a run',
  'run-voc': '--metric voc',
  'run-submit': '--submit',
  files: '--annotations and --results',
  'files-voc': '--metric voc',
  'files-submit': '--submit',
  'self-check': '--self-check',
};

const RUNS = ['run', 'run-voc', 'run-submit'] as const;
const FILES = ['files', 'files-voc', 'files-submit'] as const;
const COCO = ['run', 'files', 'self-check'] as const;
const EVERYWHERE = [...RUNS, ...FILES, 'self-check'] as const;

const MEANING: {readonly [flag in keyof Required<EvalFlags>]: readonly EvalUse[]} = {
  annotations: [...FILES, 'self-check'],
  results: FILES,
  metric: EVERYWHERE,
  iouType: [...COCO, 'files-submit', 'run-submit'],
  maxDets: COCO,
  iou: [...COCO, 'run-voc', 'files-voc'],
  classAgnostic: COCO,
  categories: COCO,
  imagesFile: COCO,
  analyze: ['run', 'files'],
  selfCheck: ['self-check'],
  submit: ['run-submit', 'files-submit'],
  submitName: ['run-submit', 'files-submit'],
  cores: ['run', 'files'],
  data: RUNS,
  split: [...RUNS, 'files-voc'],
  out: ['run'],
  set: RUNS,
  json: EVERYWHERE,
  engine: RUNS,
  device: RUNS,
  precision: RUNS,
  threads: RUNS,
  deterministic: RUNS,
};

/**
 * What the call is for.
 * @throws UsageError when it lacks a flag, or has one that means nothing in this use.
 */
export function useOf(run: string | undefined, flags: EvalFlags): EvalUse {
  const use = requestedUse(run, flags);
  for (const flag of Object.keys(MEANING) as readonly (keyof EvalFlags)[]) {
    if (flags[flag] === undefined || MEANING[flag].includes(use)) continue;
    throw new UsageError(`${spelled(flag)} has no meaning with ${CALLED[use]}`);
  }
  return use;
}

function requestedUse(run: string | undefined, flags: EvalFlags): EvalUse {
  const {annotations, results, metric, selfCheck, submit, submitName} = flags;
  for (const [flag, path] of [
    ['--annotations', annotations],
    ['--results', results],
    ['--analyze', flags.analyze],
    ['--submit', submit],
    ['--out', flags.out],
    ['--json', flags.json],
  ] as const) {
    if (path === '') throw new UsageError(`${flag} is empty; expected a path`);
  }
  if (submitName !== undefined && submit === undefined)
    throw new UsageError('--submit-name needs --submit, the folder for the zip');
  if (run !== undefined && (annotations !== undefined || results !== undefined)) {
    throw new UsageError('sf eval takes a run, or --annotations and --results, not both');
  }
  if (metric === 'voc' && submit !== undefined) {
    throw new UsageError("--submit is for COCO's server: it has no meaning with --metric voc");
  }
  if (selfCheck === true) {
    if (annotations === undefined)
      throw new UsageError('--self-check needs --annotations, the file to be checked');
    if (metric === 'voc') throw new UsageError("--self-check is COCO's: it has no meaning with --metric voc");
    if (results !== undefined)
      throw new UsageError('--self-check takes the annotations as detections; leave --results out');
    return 'self-check';
  }
  const kind = metric === 'voc' ? '-voc' : submit !== undefined ? '-submit' : '';
  if (run !== undefined) return `run${kind}`;
  if (annotations === undefined && results === undefined) {
    throw new UsageError('sf eval needs the folder of a run or a checkpoint, or --annotations and --results');
  }
  if (annotations === undefined || results === undefined) {
    throw new UsageError('--annotations and --results belong together: the objects and what was detected');
  }
  return `files${kind}`;
}

/** maxDets as `--max-dets`. */
function spelled(flag: string): string {
  return `--${flag.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

export function parseIouType(text: string): IouType {
  return parseChoice('--iou-type', ['bbox', 'segm'], text);
}

export function parseMetric(text: string): 'coco' | 'voc' {
  return parseChoice('--metric', ['coco', 'voc'], text);
}

/** `1,10,100`: whole numbers above 0, none twice. */
export function parseMaxDets(text: string): readonly number[] {
  return distinct('--max-dets', text, item => parseWhole('--max-dets', 1, item));
}

/** `0.5,0.75`: above 0 and at most 1, none twice; rising. `0.50:0.95`: every 0.05 from one to the other. */
export function parseIou(text: string): readonly number[] {
  if (text.includes(':')) return iouRange(text);
  return distinct('--iou', text, item => {
    const value = parseNumber('--iou', item);
    if (!(value > 0 && value <= 1))
      throw new UsageError(`--iou has ${item}; expected numbers above 0 and at most 1`);
    return value;
  });
}

/** Every step is the double nearest to its decimal, but for COCO's own ten, which are numpy's. */
function iouRange(text: string): readonly number[] {
  const ends = text.split(':');
  const [from, to] = ends.map(end => parseNumber('--iou', end) * IOU_STEPS_A_UNIT) as [number, number];
  const [first, last] = [Math.round(from), Math.round(to)];
  const onStep = Math.abs(first - from) < 1e-9 && Math.abs(last - to) < 1e-9;
  if (ends.length !== 2 || !onStep || first < 1 || last > IOU_STEPS_A_UNIT || first > last) {
    throw new UsageError(`--iou is ${text}; expected START:END, multiples of 0.05 above 0 and at most 1`);
  }
  const steps = Array.from({length: last - first + 1}, (_, i) => (first + i) / IOU_STEPS_A_UNIT);
  const [coco, cocoLast] = [IOU_THRESHOLDS[0]!, IOU_THRESHOLDS.at(-1)!];
  return steps[0] === coco && steps.at(-1) === cocoLast ? IOU_THRESHOLDS : steps;
}

const IOU_STEPS_A_UNIT = 20;

function distinct(flag: string, text: string, parse: (item: string) => number): readonly number[] {
  const values = parseList(text)
    .map(parse)
    .sort((a, b) => a - b);
  if (values.length === 0) throw new UsageError(`${flag} is empty; expected numbers with commas between`);
  const twice = values.find((value, i) => value === values[i + 1]);
  if (twice !== undefined) throw new UsageError(`${flag} has ${twice} twice`);
  return values;
}

/** The parameters of a COCO evaluation that flags set; images and categories are the caller's, who knows them. */
export function cocoChanges({
  iouType,
  maxDets,
  iou,
  classAgnostic,
}: Pick<EvalFlags, 'iouType' | 'maxDets' | 'iou' | 'classAgnostic'>): Partial<CocoParameters> {
  return {
    ...(iouType === undefined ? {} : {iouType}),
    ...(maxDets === undefined ? {} : {maxDetections: maxDets}),
    ...(iou === undefined ? {} : {iouThresholds: iou}),
    ...(classAgnostic === true ? {useCategories: false} : {}),
  };
}

/**
 * Ids of the categories that `--categories` names, by name or id.
 * @throws UsageError for one that is not there, with the nearest name.
 */
export function chosenCategories(
  wanted: readonly string[],
  categories: readonly CocoCategory[],
): readonly number[] {
  const ids = wanted.flatMap(text => {
    const found = categories.filter(({id, name}) => name === text || String(id) === text);
    if (found.length > 0) return found.map(({id}) => id);
    const names = categories.map(({name}) => name);
    throw new UsageError(`--categories: there is no category ${text}${suggestion(text, names)}`);
  });
  if (ids.length === 0) throw new UsageError('--categories is empty; give names or ids with commas between');
  return [...new Set(ids)];
}
