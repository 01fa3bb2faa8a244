/** What is wrong with a config, in one line: which key, from which file or flag, what was expected, the nearest name. */
import type {z} from 'zod';
import {UsageError} from '../errors.js';
import {didYouMean, nearest, suggestion} from './suggest.js';
import {originAt, type Tree} from './tree.js';

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Shape of the object that `schema` asks for where the config holds `value`: unions are told apart by `kind`. */
function shapeFor(schema: Schema, value: unknown): Readonly<Record<string, Schema>> | undefined {
  const {def} = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      return def.shape;
    case 'nullable':
    case 'optional':
    case 'default':
      return shapeFor(def.innerType, value);
    case 'union': {
      const shapes = def.options.map(option => shapeFor(option, value)).filter(shape => shape !== undefined);
      if (!isRecord(value)) return shapes[0];
      return shapes.length === 1 ? shapes[0] : shapes.find(shape => accepts(shape.kind, value.kind));
    }
    default:
      return undefined;
  }
}

function accepts(schema: Schema | undefined, value: unknown): boolean {
  const def = schema && (schema as z.core.$ZodTypes)._zod.def;
  return def?.type === 'literal' && def.values.some(candidate => candidate === value);
}

/** The object shape at `path` of a config. */
function shapeAt(schema: Schema, value: unknown, path: readonly PropertyKey[]) {
  let shape = shapeFor(schema, value);
  let held = value;
  for (const key of path) {
    const inner = shape?.[String(key)];
    held = isRecord(held) ? held[String(key)] : undefined;
    shape = inner === undefined ? undefined : shapeFor(inner, held);
  }
  return shape;
}

/** Every key of the schema with its dotted path, in the kinds that the config has chosen. */
function* dottedKeys(schema: Schema, value: unknown, prefix = ''): Generator<string> {
  for (const [key, inner] of Object.entries(shapeFor(schema, value) ?? {})) {
    yield prefix + key;
    yield* dottedKeys(inner, isRecord(value) ? value[key] : undefined, `${prefix}${key}.`);
  }
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  record: 'a map',
  tuple: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/**
 * What is wrong inside the option of a union that a value was meant for: of a number or a map, the map where a map was written.
 * The issue itself where the value fits no option, or where options are told apart by `kind`.
 */
function insideOption(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.filter(issues =>
    issues.every(({code, path}) => path.length > 0 || code === 'unrecognized_keys'),
  );
  const [only] = meant;
  if (only === undefined || meant.length > 1) return [issue];
  return only.flatMap(inner => insideOption({...inner, path: [...issue.path, ...inner.path]}));
}

/** What an issue's value should have been, in words. */
function expectation(issue: Exclude<Issue, z.core.$ZodIssueUnrecognizedKeys>): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'too_small': {
      if (issue.origin === 'array') return `a list of ${issue.exact ? '' : 'at least '}${issue.minimum}`;
      return issue.inclusive ? `at least ${issue.minimum}` : `more than ${issue.minimum}`;
    }
    case 'too_big': {
      if (issue.origin === 'array') return `a list of ${issue.exact ? '' : 'at most '}${issue.maximum}`;
      return issue.inclusive ? `at most ${issue.maximum}` : `less than ${issue.maximum}`;
    }
    case 'invalid_value':
    case 'invalid_union': {
      const choices = choicesOf(issue);
      if (choices.length > 0) return choices.length === 1 ? `${choices[0]}` : `one of ${choices.join(', ')}`;
      const options = issue.code === 'invalid_union' ? issue.errors.flatMap(([first]) => first ?? []) : [];
      const words = options.map(option =>
        option.code === 'unrecognized_keys' ? 'a map' : expectation(option),
      );
      return words.length === 0 ? issue.message : [...new Set(words)].join(' or ');
    }
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format;
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return issue.message;
  }
}

/** The values that would have been accepted, where they can be counted. */
function choicesOf(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code !== 'invalid_union') return [];
  if ('options' in issue && issue.options !== undefined) return issue.options.map(String);
  return issue.errors.flat().flatMap(choicesOf);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path)
    at = Array.isArray(at) ? at[Number(key)] : isRecord(at) ? at[String(key)] : undefined;
  return at;
}

function explainUnknownKey(
  path: readonly PropertyKey[],
  key: string,
  schema: Schema,
  value: unknown,
  tree: Tree,
): string {
  const valid = Object.keys(shapeAt(schema, value, path) ?? {});
  const start = `unknown key ${[...path, key].map(String).join('.')} in ${originAt(tree, [...path, key])}`;
  if (nearest(key, valid) !== undefined) return start + suggestion(key, valid);
  // The right name in the wrong place, such as --set baseLr=0.02.
  const elsewhere = [...dottedKeys(schema, value)].filter(dotted => dotted.endsWith(`.${key}`));
  return elsewhere.length === 1 || elsewhere.length === 2
    ? `${start}; did you mean ${elsewhere.join(' or ')}?`
    : start + suggestion(key, valid);
}

/**
 * The first thing that is wrong: unknown keys before others, since a mistyped key also leaves one missing; but a kind that
 * cannot be before its keys, which are unknown for that reason.
 */
function firstOf(issues: readonly Issue[]): Issue | undefined {
  const unknown = issues.find(issue => issue.code === 'unrecognized_keys');
  if (unknown === undefined) return issues[0];
  const ofKind = [...unknown.path, 'kind'].join('.');
  return issues.find(({path}) => path.join('.') === ofKind) ?? unknown;
}

/**
 * One line for the first thing that is wrong.
 * @param value the plain value of `tree`, which `schema` has refused with `issues`.
 */
export function explain(issues: readonly Issue[], schema: Schema, value: unknown, tree: Tree): UsageError {
  const found = issues.flatMap(insideOption);
  const first = firstOf(found);
  if (first === undefined) throw new Error('explain needs an issue');
  const others = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
  if (first.code === 'unrecognized_keys') {
    const key = first.keys[0] as string;
    return new UsageError(explainUnknownKey(first.path, key, schema, value, tree) + others);
  }
  const key = first.path.map(String).join('.');
  const held = valueAt(value, first.path);
  const origin = originAt(tree, first.path);
  if (held === undefined)
    return new UsageError(`missing key ${key} in ${origin}: expected ${expectation(first)}${others}`);
  const hint = typeof held === 'string' ? didYouMean(held, choicesOf(first)) : '';
  const subject = key === '' ? 'the config' : key;
  return new UsageError(
    `${subject} is ${show(held)} in ${origin}; expected ${expectation(first)}${hint}${others}`,
  );
}
