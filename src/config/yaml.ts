/**
 * YAML (and so JSON) as data and nothing more: no tags beyond the core schema's, no merge keys, a bound on size, depth
 * and what aliases may expand to. Every value knows its line.
 */
import {readFile, stat} from 'node:fs/promises';
import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
} from 'yaml';
import {RunError, UsageError} from '../errors.js';
import {errorCode} from '../files/write-atomic.js';
import type {Scalar, Tree} from './tree.js';

const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 50;
/** Values after aliases have been followed; the largest config has some hundred. */
const MAX_VALUES = 20_000;

const MAX_ALIASES = 100;

type Walk = {
  readonly document: Document;
  readonly origin: (node: Node) => string;
  values: number;
  aliases: number;
};

function walkScalar(value: unknown, origin: string): Scalar {
  if (
    value === null ||
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  ) {
    return value;
  }
  throw new UsageError(`${origin}: a ${typeof value} has no place in a config`);
}

function walk(node: unknown, state: Walk, at: string, depth: number): Tree {
  if (++state.values > MAX_VALUES) throw new UsageError(`${at}: more than ${MAX_VALUES} values`);
  if (depth > MAX_DEPTH) throw new UsageError(`${at}: nested deeper than ${MAX_DEPTH} levels`);
  if (node === null || node === undefined) return {kind: 'scalar', value: null, origin: at};
  if (isAlias(node)) {
    if (++state.aliases > MAX_ALIASES)
      throw new UsageError(`${state.origin(node)}: more than ${MAX_ALIASES} aliases`);
    const target = node.resolve(state.document);
    if (target === undefined)
      throw new UsageError(`${state.origin(node)}: no anchor named ${node.source} before this`);
    return walk(target, state, state.origin(node), depth + 1);
  }
  if (isScalar(node)) {
    const origin = state.origin(node);
    return {kind: 'scalar', value: walkScalar(node.value, origin), origin};
  }
  if (isSeq(node)) {
    const origin = state.origin(node);
    return {kind: 'list', items: node.items.map(item => walk(item, state, origin, depth + 1)), origin};
  }
  if (isMap(node)) {
    const origin = state.origin(node);
    const entries = new Map<string, Tree>();
    for (const {key, value} of node.items) {
      if (!isScalar(key)) throw new UsageError(`${origin}: a key must be a plain name`);
      const name = String(key.value);
      if (name === '__proto__') throw new UsageError(`${state.origin(key)}: __proto__ is no key of a config`);
      entries.set(name, walk(value, state, state.origin(key), depth + 1));
    }
    return {kind: 'map', entries, origin};
  }
  throw new UsageError(`${at}: cannot be read as data`);
}

/**
 * How deep the text nests, from the concrete syntax tree, which the yaml package builds without recursion. Composing
 * values is recursive, and a stack that runs out there can end the process.
 */
function nesting(text: string): number {
  let deepest = 0;
  const open: {readonly token: CST.Token | null | undefined; readonly depth: number}[] = [];
  for (const token of new Parser().parse(text)) open.push({token, depth: 0});
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const {token, depth} = next;
    if (token?.type === 'document') open.push({token: token.value, depth});
    if (token === null || token === undefined || !('items' in token)) continue;
    deepest = Math.max(deepest, depth + 1);
    for (const {key, value} of token.items) {
      open.push({token: key, depth: depth + 1}, {token: value, depth: depth + 1});
    }
  }
  return deepest;
}

/**
 * Parses one YAML document.
 * @param where names the text in messages: a file or a flag.
 * @param lines whether origins name lines (`x.yaml:12`), as they do for files.
 * @throws UsageError with the line and the parser's reason.
 */
export function parseYaml(text: string, where: string, lines: boolean): Tree {
  if (text.length > MAX_BYTES) throw new UsageError(`${where}: larger than 1 MiB, which no config is`);
  if (nesting(text) > MAX_DEPTH) throw new UsageError(`${where}: nested deeper than ${MAX_DEPTH} levels`);
  const counter = new LineCounter();
  const origin = (offset: number | undefined) =>
    lines && offset !== undefined ? `${where}:${counter.linePos(offset).line}` : where;
  const document = parseDocument(text, {lineCounter: counter, prettyErrors: false, schema: 'core'});
  // A warning is an unknown tag: data that means something else to another reader.
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw new UsageError(`${origin(problem.pos[0])}: ${problem.message.replaceAll(/\s+/g, ' ')}`);
  }
  const state: Walk = {document, origin: node => origin(node.range?.[0]), values: 0, aliases: 0};
  return walk(document.contents, state, where, 0);
}

/**
 * Text of a config file.
 * @param namedBy what led here, for the message about a missing file.
 * @throws UsageError when there is no such file or it is too large, RunError when it cannot be read.
 */
export async function readConfigText(path: string, shown: string, namedBy = ''): Promise<string> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new UsageError(`${shown} is a folder, not a config file`);
    if (found.size > MAX_BYTES) throw new UsageError(`${shown}: larger than 1 MiB, which no config is`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    if (errorCode(error) === 'ENOENT') throw new UsageError(`there is no file ${shown}${namedBy}`);
    throw new RunError(`cannot read ${shown}: ${errorCode(error) ?? String(error)}`);
  }
}
