/** Short forms of stage fields for the command line: `focal`, `constant:0.1`, `fixed:0.05`, or YAML in full. */
import {parse} from 'yaml';
import {z} from 'zod';
import {UsageError} from '../errors.js';
import {canonical} from './load.js';
import {type ModelConfig, runSchema} from './run.js';
import {STAGE_FIELDS, stageSchema} from './stage.js';
import {suggestion} from './suggest.js';

export type StageField = (typeof STAGE_FIELDS)[number];
export type StageValue = {readonly text: string; readonly value: unknown};

/** What a kind means when nothing else is said: the values of the paper and its baselines, before the schema's defaults. */
const USUAL: Readonly<Record<StageField, Readonly<Record<string, Readonly<Record<string, number>>>>>> = {
  sampler: {
    all: {},
    'minibatch-biased': {n: 256, fraction: 0.5},
    ohem: {n: 512, fraction: 0.25},
    'iou-balanced': {n: 512, fraction: 0.25},
  },
  classificationLoss: {
    'cross-entropy': {},
    focal: {alpha: 0.25, gamma: 2},
    'ghm-c': {bins: 30, momentum: 0.75},
  },
  boxLoss: {
    'smooth-l1': {beta: 0.11},
    l1: {},
    'balanced-l1': {alpha: 0.5, gamma: 1.5, beta: 1},
    iou: {},
    giou: {},
    darknet: {},
    'ghm-r': {mu: 0.02, bins: 10, momentum: 0.7, weight: 10},
  },
  lossScaling: {none: {}, constant: {}, guided: {gain: 1}},
  biasInit: {prior: {pi: 0.01}, optimal: {}, zero: {}},
  scoreThreshold: {fixed: {theta: 0.05}, adaptive: {}},
};

/** The number that `kind:number` sets. */
const MAIN_NUMBER: Readonly<Record<string, string>> = {
  'minibatch-biased': 'n',
  ohem: 'n',
  'iou-balanced': 'n',
  focal: 'gamma',
  'ghm-c': 'bins',
  'smooth-l1': 'beta',
  'balanced-l1': 'gamma',
  'ghm-r': 'weight',
  constant: 'w',
  guided: 'gain',
  prior: 'pi',
  fixed: 'theta',
};

/** The stage whose field is varied. */
export type VariedStage = {
  readonly name: string;
  /** What its fields may be: less than those of other stages in a RoI-subnet. */
  readonly shape: Readonly<Record<StageField, z.core.$ZodType>>;
  /** Size and share of samples where a value does not say them: the stage's own, before those of the papers. */
  readonly sample: {readonly n?: number; readonly fraction?: number};
};

const ANY_STAGE: VariedStage = {name: '', shape: stageSchema.shape, sample: {}};

/** What the fields of a stage may be in a detector of that kind. */
export function stageShape(detector: ModelConfig['kind'], stage: string): VariedStage['shape'] {
  const model = runSchema.shape.model.options.find(({shape}) => shape.kind.value === detector);
  const stages: Readonly<Record<string, z.ZodObject<VariedStage['shape']>>> = model?.shape.stages.shape ?? {};
  return stages[stage]?.shape ?? stageSchema.shape;
}

/**
 * Reads `field=value,value,...`: the values that one field takes in an ablation.
 * @throws UsageError for a field, kind or number that does not exist, naming the nearest.
 */
export function parseVariation(
  text: string,
  stage: VariedStage = ANY_STAGE,
): {
  readonly field: StageField;
  readonly values: readonly StageValue[];
} {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).trim();
  const field = STAGE_FIELDS.find(known => known === name);
  if (equals === -1) throw new UsageError(`--vary ${text}: expected FIELD=VALUE,..., and there is no =`);
  if (field === undefined) {
    throw new UsageError(
      `--vary ${text}: expected FIELD=VALUE,... and ${JSON.stringify(name)} is no field${suggestion(name, STAGE_FIELDS)}`,
    );
  }
  const values = splitOutsideBraces(text.slice(equals + 1)).map(part => ({
    text: part,
    value: checkedValue(stage, field, part, text),
  }));
  if (values.length === 0) throw new UsageError(`--vary ${text}: there is no value after the =`);
  const seen = new Map<string, string>();
  for (const {text: part, value} of values) {
    const same = seen.get(canonical(value));
    if (same !== undefined) throw new UsageError(`--vary ${text}: ${same} and ${part} are the same value`);
    seen.set(canonical(value), part);
  }
  return {field, values};
}

/** Parts between commas that are not inside {...}. */
function splitOutsideBraces(text: string): readonly string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map(part => part.trim()).filter(part => part !== '');
}

function checkedValue(stage: VariedStage, field: StageField, part: string, flag: string): unknown {
  const value = part.startsWith('{') ? parseMap(part, flag) : shortForm(stage, field, part, flag);
  const own = z.safeParse(stage.shape[field], value);
  if (own.success) return own.data;
  const kinds = Object.entries(USUAL[field])
    .filter(([kind, usual]) => z.safeParse(stage.shape[field], {kind, ...usual}).success)
    .map(([kind]) => kind);
  const isOwnKind = z.safeParse(z.object({kind: z.enum(kinds)}), value).success;
  // A kind that only other stages have is told apart from one that is written wrong.
  const parsed = isOwnKind ? own : stageSchema.shape[field].safeParse(value);
  if (parsed.success) {
    throw new UsageError(
      `--vary ${flag}: stage ${stage.name} has no ${field} ${part}; valid: ${kinds.join(', ')}`,
    );
  }
  const [issue] = parsed.error.issues;
  throw new UsageError(`--vary ${flag}: ${part} is no ${field}: ${issue?.path.join('.')} ${issue?.message}`);
}

function parseMap(part: string, flag: string): unknown {
  try {
    return parse(part, {maxAliasCount: 0});
  } catch {
    throw new UsageError(`--vary ${flag}: ${part} is not YAML`);
  }
}

function shortForm({sample}: VariedStage, field: StageField, part: string, flag: string): unknown {
  const [kind = '', number] = part.split(':');
  const kinds = USUAL[field];
  const usual = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (usual === undefined) {
    throw new UsageError(
      `--vary ${flag}: ${field} has no kind ${kind}${suggestion(kind, Object.keys(kinds))}`,
    );
  }
  const numbers = 'fraction' in usual ? {...usual, ...sample} : usual;
  if (number === undefined) return {kind, ...numbers};
  const key = MAIN_NUMBER[kind];
  const value = Number(number);
  if (key === undefined || number.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`--vary ${flag}: ${part} has a number that ${kind} does not take`);
  }
  return {kind, ...numbers, [key]: value};
}
