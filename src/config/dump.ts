/** A resolved config as YAML that says beside every value where it came from, and that loads again. */
import {Document, isMap, isScalar, type Node, type Pair, type YAMLMap} from 'yaml';
import {configHash} from './load.js';
import type {RunConfig} from './run.js';

function pairsOf(map: YAMLMap): readonly Pair<Node, Node | null>[] {
  return map.items as Pair<Node, Node | null>[];
}

/**
 * Puts origins beside the leaves under `node`. A map of scalars that all came from one line is written as one line,
 * as it was in the file: `sampler: {kind: all} # x.yaml:14`.
 */
function annotate(node: Node | null, path: string, provenance: ReadonlyMap<string, string>): void {
  if (node === null) return;
  if (!isMap(node)) {
    node.comment = ` ${provenance.get(path) ?? 'unknown'}`;
    if (!isScalar(node)) (node as YAMLMap).flow = true;
    return;
  }
  const pairs = pairsOf(node).map(({key, value}) => ({
    value,
    path: `${path === '' ? '' : `${path}.`}${key}`,
  }));
  const origins = new Set(pairs.map(pair => provenance.get(pair.path)));
  const [only] = origins;
  if (origins.size === 1 && only !== undefined && path !== '') {
    node.flow = true;
    node.comment = ` ${only}`;
    return;
  }
  for (const {value, path: inner} of pairs) annotate(value, inner, provenance);
}

/**
 * YAML of `config` with a trailing comment on every leaf.
 * @param provenance as from `loadRunConfig`.
 */
export function dumpConfig(config: RunConfig, provenance: ReadonlyMap<string, string>): string {
  const document = new Document(config, {aliasDuplicateObjects: false});
  document.commentBefore = ` Resolved config, sha256 ${configHash(config)}. Beside each value: where it came from.`;
  annotate(document.contents, '', provenance);
  return document.toString({lineWidth: 0, flowCollectionPadding: false});
}
