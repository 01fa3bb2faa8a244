/** A config as it is put together: values, each with where it came from. Flags and files merge into one tree. */
import {UsageError} from '../errors.js';

export type Scalar = string | number | boolean | null;

/** `origin` is a file and line, or a flag, as it is shown to people. */
export type Tree =
  | {readonly kind: 'scalar'; readonly value: Scalar; readonly origin: string}
  | {readonly kind: 'list'; readonly items: readonly Tree[]; readonly origin: string}
  | {readonly kind: 'map'; readonly entries: ReadonlyMap<string, Tree>; readonly origin: string};

export type MapTree = Extract<Tree, {kind: 'map'}>;

/** Tree of a plain value (JSON's types); every part of it came from `origin`. */
export function treeOf(value: unknown, origin: string): Tree {
  if (Array.isArray(value)) return {kind: 'list', items: value.map(item => treeOf(item, origin)), origin};
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    return {kind: 'map', entries: new Map(entries.map(([key, part]) => [key, treeOf(part, origin)])), origin};
  }
  if (
    value === null ||
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  ) {
    return {kind: 'scalar', value, origin};
  }
  throw new UsageError(`${origin}: a config holds text, numbers, lists and maps, not a ${typeof value}`);
}

/** The plain value of a tree. */
export function plain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map(plain);
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, part]) => [key, plain(part)]));
  }
}

/** The `kind` that makes a map one of several shapes, if it has one. */
function kindOf(tree: MapTree): Scalar | undefined {
  const kind = tree.entries.get('kind');
  return kind?.kind === 'scalar' ? kind.value : undefined;
}

/**
 * `child` over `parent`: maps merge key by key, everything else replaces. A map whose `kind` differs from the
 * parent's replaces it whole, since the fields of another kind mean nothing to it.
 */
export function merge(parent: Tree, child: Tree): Tree {
  if (parent.kind !== 'map' || child.kind !== 'map') return child;
  const kind = kindOf(child);
  if (kind !== undefined && kind !== kindOf(parent)) return child;
  const entries = new Map(parent.entries);
  for (const [key, part] of child.entries) {
    const held = entries.get(key);
    entries.set(key, held === undefined ? part : merge(held, part));
  }
  return {kind: 'map', entries, origin: child.origin};
}

/** The other way to combine: a flag that means the whole value. */
export function replace(_parent: Tree, child: Tree): Tree {
  return child;
}

/**
 * `tree` with `value` put in at `path`; maps on the way are made where missing, list positions must exist.
 * @param combine `merge` or `replace`: what happens to a value that is there already.
 * @throws UsageError when the path leads through a value that has no such part.
 */
export function putAt(
  tree: Tree,
  path: readonly string[],
  value: Tree,
  combine: (parent: Tree, child: Tree) => Tree,
  depth = 0,
): Tree {
  const key = path[depth];
  if (key === undefined) return combine(tree, value);
  const inside = path.slice(0, depth).join('.');
  switch (tree.kind) {
    case 'scalar':
      // A null is a part that is switched off (input.resize): giving it a field switches it on.
      if (tree.value === null)
        return putAt({kind: 'map', entries: new Map(), origin: value.origin}, path, value, combine, depth);
      throw new UsageError(
        `${value.origin}: ${inside} is ${JSON.stringify(tree.value)}, which has no ${key}`,
      );
    case 'list': {
      const index = /^\d+$/.test(key) ? Number(key) : -1;
      const item = tree.items[index];
      if (item === undefined) {
        throw new UsageError(
          `${value.origin}: ${inside} is a list of ${tree.items.length}, which has no item ${key}`,
        );
      }
      return {...tree, items: tree.items.with(index, putAt(item, path, value, combine, depth + 1))};
    }
    case 'map': {
      const held = tree.entries.get(key) ?? {kind: 'scalar', value: null, origin: value.origin};
      return {...tree, entries: new Map(tree.entries).set(key, putAt(held, path, value, combine, depth + 1))};
    }
  }
}

/** The part of a tree at a path of keys of maps. */
export function partAt(tree: Tree, path: readonly string[]): Tree | undefined {
  let at: Tree | undefined = tree;
  for (const key of path) at = at?.kind === 'map' ? at.entries.get(key) : undefined;
  return at;
}

/** Where the value at `path` came from, or, where there is none, what it would be a part of. */
export function originAt(tree: Tree, path: readonly PropertyKey[]): string {
  let at = tree;
  for (const key of path) {
    const part: Tree | undefined =
      at.kind === 'map'
        ? at.entries.get(String(key))
        : at.kind === 'list'
          ? at.items[Number(key)]
          : undefined;
    if (part === undefined) return at.origin;
    at = part;
  }
  return at.origin;
}
