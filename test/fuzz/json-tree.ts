/** JSON as it is written, so that it can be written wrongly: keys may occur twice, values may be any text. */

export type JsonObject = {readonly kind: 'object'; members: [key: string, value: JsonNode][]};
export type JsonArray = {readonly kind: 'array'; items: JsonNode[]};
/** A value by its text, which need not be JSON. */
export type JsonText = {readonly kind: 'text'; text: string};
export type JsonNode = JsonObject | JsonArray | JsonText;

export function treeOf(value: unknown): JsonNode {
  if (Array.isArray(value)) return {kind: 'array', items: value.map(treeOf)};
  if (typeof value === 'object' && value !== null)
    return {kind: 'object', members: Object.entries(value).map(([key, child]) => [key, treeOf(child)])};
  return {kind: 'text', text: JSON.stringify(value)};
}

export function textOf(node: JsonNode): string {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'array':
      return `[${node.items.map(textOf).join(',')}]`;
    case 'object':
      return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`).join(',')}}`;
  }
}

/** Whether textOf gives more than about `limit` characters; found out in as many steps at most. */
export function isLongerThan(node: JsonNode, limit: number): boolean {
  let left = limit;
  const take = (part: JsonNode): void => {
    left -= part.kind === 'text' ? part.text.length : 2;
    if (left < 0 || part.kind === 'text') return;
    const children = part.kind === 'array' ? part.items : part.members.map(([, value]) => value);
    for (const child of children) {
      take(child);
      if (left < 0) return;
    }
  };
  take(node);
  return left < 0;
}

/** Where a value stands; the document itself stands nowhere. */
export type Place = {
  readonly node: JsonNode;
  /** Key of the member that it is the value of, or is somewhere in. */
  readonly key: string;
  replace(node: JsonNode): void;
  remove(): void;
  /** Writes another value beside it: an item more, or the same key once more. */
  addBeside(node: JsonNode): void;
};

/** Every value below `root`, in the order of the text. */
export function placesOf(root: JsonNode): readonly Place[] {
  const places: Place[] = [];
  const visit = (parent: JsonNode, inherited: string): void => {
    if (parent.kind === 'array') {
      parent.items.forEach((node, i) => {
        places.push({
          node,
          key: inherited,
          replace: other => void parent.items.splice(i, 1, other),
          remove: () => void parent.items.splice(i, 1),
          addBeside: other => void parent.items.splice(i, 0, other),
        });
        visit(node, inherited);
      });
    } else if (parent.kind === 'object') {
      parent.members.forEach(([key, node], i) => {
        places.push({
          node,
          key,
          replace: other => void parent.members.splice(i, 1, [key, other]),
          remove: () => void parent.members.splice(i, 1),
          addBeside: other => void parent.members.splice(i, 0, [key, other]),
        });
        visit(node, key);
      });
    }
  };
  visit(root, '');
  return places;
}
