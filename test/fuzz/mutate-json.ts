/** Mutations that know the structure of JSON: a field, a record, a list at a time. */
import type {Random} from '../../src/random/random.js';
import {COUNTS, KEYS, NUMBERS, VALUES} from './extremes.js';
import {isLongerThan, type JsonNode, type Place, placesOf} from './json-tree.js';
import {type Mutation, pick} from './mutation.js';

/** Fields whose values readers look at closely. */
const FIELDS = new Set([
  ...['id', 'image_id', 'category_id', 'bbox', 'score', 'segmentation', 'counts', 'size', 'area', 'iscrowd'],
  ...['ignore', 'height', 'width', 'name', 'file_name'],
]);

const text = (value: string): JsonNode => ({kind: 'text', text: value});

/** A place of `root`; most often one that belongs to a field that is read. */
function anyPlace(root: JsonNode, random: Random): Place | undefined {
  const places = placesOf(root);
  const read = places.filter(({key}) => FIELDS.has(key));
  const from = read.length > 0 && random.int(4) > 0 ? read : places;
  return from.length === 0 ? undefined : pick(random, from);
}

function atPlace(change: (place: Place, random: Random, root: JsonNode) => void): Mutation<JsonNode> {
  return (root, random) => {
    const place = anyPlace(root, random);
    if (place !== undefined) change(place, random, root);
    return root;
  };
}

function nested(depth: number, [open, close]: readonly [string, string], inner: string): JsonNode {
  return text(open.repeat(depth) + inner + close.repeat(depth));
}

const DEPTHS = [1, 2, 30, 31, 32, 33, 62, 63, 64, 65, 1000, 20_000];
/** Files stay small: many of them are tried. */
export const MAX_CHARACTERS = 1 << 20;
const REPEATS = [2, 3, 10, 100, 3000];

/** A number a little or very different. */
function changedNumber(value: string, random: Random): string {
  const number = Number(value);
  if (!Number.isFinite(number)) return pick(random, NUMBERS);
  const changes = [
    number + 1,
    number - 1,
    -number,
    number * 2,
    number / 3,
    number * 1e6,
    number + 0.5,
    number * 1e300,
  ];
  return String(pick(random, changes));
}

/** A string with some of its characters changed: compressed counts are nearly right then. */
function changedString(quoted: string, random: Random): string {
  const characters = [...quoted.slice(1, -1)];
  const at = random.int(characters.length + 1);
  const count = 1 + random.int(3);
  const fresh = Array.from({length: count}, () => String.fromCharCode(48 + random.int(64)));
  switch (random.int(4)) {
    case 0:
      characters.splice(at, count, ...fresh);
      break;
    case 1:
      characters.splice(at, 0, ...fresh);
      break;
    case 2:
      characters.splice(at, count);
      break;
    default:
      characters.length = at;
  }
  return `"${characters.join('').replaceAll('\\', '\\\\')}"`;
}

export const JSON_MUTATIONS: Readonly<Record<string, Mutation<JsonNode>>> = {
  'number at an edge': atPlace((place, random) => place.replace(text(pick(random, NUMBERS)))),
  'value of another type': atPlace((place, random) => place.replace(text(pick(random, VALUES)))),
  'value a little changed': atPlace((place, random) => {
    const {node} = place;
    if (node.kind !== 'text') place.replace(text(pick(random, VALUES)));
    else if (node.text.startsWith('"')) place.replace(text(changedString(node.text, random)));
    else place.replace(text(changedNumber(node.text, random)));
  }),
  'all numbers of a list changed': atPlace((place, random) => {
    const list = place.node.kind === 'array' ? place.node : undefined;
    if (list === undefined) return;
    const number = pick(random, NUMBERS);
    list.items = list.items.map(item => (item.kind === 'text' && random.int(3) > 0 ? text(number) : item));
  }),
  'counts that lie': atPlace((place, random) => {
    const counts = random.int(2) === 0 ? pick(random, COUNTS) : runs(random);
    const size = random.int(2) === 0 ? '[48,64]' : `[${pick(random, NUMBERS)},${pick(random, NUMBERS)}]`;
    place.replace(text(`{"size":${size},"counts":${counts}}`));
  }),
  'polygon at an edge': atPlace((place, random) => {
    const corners = Array.from({length: pick(random, [0, 1, 3, 4, 5, 6, 7, 8, 200])}, () =>
      random.int(3) === 0 ? pick(random, NUMBERS) : String(random.int(90) - 10),
    );
    place.replace(text(random.int(4) === 0 ? `[${corners}]` : `[[${corners}]]`));
  }),
  'value of another record': atPlace((place, random, root) => {
    const alike = placesOf(root).filter(({key, node}) => key === place.key && node.kind === place.node.kind);
    if (alike.length > 0) place.replace(structuredClone(pick(random, alike).node));
  }),
  'plain number': atPlace((place, random) => {
    if (place.node.kind === 'text')
      place.replace(text(String((random.int(2000) - 400) / pick(random, [1, 1, 8, 10]))));
  }),
  'value left out': atPlace(place => place.remove()),
  'value twice': atPlace((place, random) =>
    place.addBeside(
      random.int(2) === 0 ? structuredClone(place.node) : text(pick(random, [...NUMBERS, ...VALUES])),
    ),
  ),
  'value many times': atPlace((place, random, root) => {
    const copies = pick(random, REPEATS);
    const most = MAX_CHARACTERS / 2;
    if (isLongerThan(root, most) || isLongerThan(place.node, most / copies)) return;
    for (let i = 0; i < copies; i++) place.addBeside(place.node);
  }),
  'values swapped': atPlace((place, random, root) => {
    const other = anyPlace(root, random);
    if (other === undefined) return;
    const [first, second] = [structuredClone(place.node), structuredClone(other.node)];
    place.replace(second);
    other.replace(first);
  }),
  'value wrapped': atPlace((place, random) => {
    const node = structuredClone(place.node);
    place.replace(
      random.int(2) === 0
        ? {kind: 'array', items: [node]}
        : {kind: 'object', members: [[pick(random, KEYS), node]]},
    );
  }),
  'deep nesting': atPlace((place, random) => {
    const brackets = pick(random, [['[', ']'] as const, ['{"a":', '}'] as const, ['[[', ']]'] as const]);
    place.replace(nested(pick(random, DEPTHS), brackets, '1'));
  }),
  'nesting without end': atPlace((place, random) => place.replace(text('['.repeat(pick(random, DEPTHS))))),
  'key renamed': (root, random) => {
    const objects = [root, ...placesOf(root).map(({node}) => node)].filter(node => node.kind === 'object');
    const members = pick(random, objects)?.members ?? [];
    if (members.length > 0) pick(random, members)[0] = pick(random, KEYS);
    return root;
  },
  'key added': (root, random) => {
    const objects = [root, ...placesOf(root).map(({node}) => node)].filter(node => node.kind === 'object');
    if (objects.length === 0) return root;
    const {members} = pick(random, objects);
    const value = text(pick(random, [...NUMBERS, ...VALUES]));
    members.splice(random.int(members.length + 1), 0, [pick(random, KEYS), value]);
    return root;
  },
  'list turned round': atPlace(place => {
    if (place.node.kind === 'array') place.node.items.reverse();
  }),
  'another document': (root, random) =>
    random.int(5) === 0 ? text(pick(random, [...NUMBERS, ...VALUES])) : {kind: 'array', items: [root]},
};

function runs(random: Random): string {
  const lengths = Array.from({length: random.int(12)}, () =>
    random.int(3) === 0 ? pick(random, NUMBERS) : String(random.int(1200)),
  );
  return `[${lengths}]`;
}
