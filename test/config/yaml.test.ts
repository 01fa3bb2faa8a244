import test from 'ava';
import {originAt, plain} from '../../src/config/tree.js';
import {parseYaml} from '../../src/config/yaml.js';
import {UsageError} from '../../src/errors.js';

const read = (text: string) => plain(parseYaml(text, 'x.yaml', true));

test('YAML and JSON are read as data, and every value knows its line', t => {
  const tree = parseYaml('a: 1\nb:\n  c: [x, 2.5, null, true]\n  d: 1e-5\n', 'x.yaml', true);
  t.deepEqual(plain(tree), {a: 1, b: {c: ['x', 2.5, null, true], d: 0.00001}});
  t.is(originAt(tree, ['a']), 'x.yaml:1');
  t.is(originAt(tree, ['b', 'c', 0]), 'x.yaml:3');
  t.is(originAt(tree, ['b', 'd']), 'x.yaml:4');
  t.deepEqual(read('{\n\t"a": [1, {"b": "c"}],\n\t"d": false\n}\n'), {a: [1, {b: 'c'}], d: false});
});

test('an alias is what it stands for', t => {
  t.deepEqual(read('a: &x {k: 1}\nb: *x\n'), {a: {k: 1}, b: {k: 1}});
});

// Five levels of nine aliases would be 59049 values.
const bomb = ['a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]']
  .concat(
    [1, 2, 3, 4, 5].map(
      i =>
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
    ),
  )
  .join('\n');

const refused: readonly (readonly [title: string, text: string, message: RegExp])[] = [
  ['a tag that would make an object', 'a: !!python/object:os.system ls', /^x\.yaml:1: Unresolved tag/],
  ['a tag of its own', 'a: !include other.yaml', /^x\.yaml:1: Unresolved tag/],
  ['the same key twice', 'a: 1\nb: 2\na: 3', /^x\.yaml:3: Map keys must be unique/],
  ['an unclosed list', 'a: [1, 2', /^x\.yaml:1: /],
  ['two documents', 'a: 1\n---\nb: 2\n', /multiple documents/],
  ['aliases that multiply', bomb, /more than 100 aliases/],
  ['an alias to what holds it', 'a: &a [*a]', /nested deeper than 50 levels/],
  ['an alias to nothing', 'a: *b', /^x\.yaml:1: no anchor named b before this$/],
  ['nesting without end', '['.repeat(300_000), /nested deeper than 50 levels/],
  ['maps in maps without end', '{a: '.repeat(200_000), /nested deeper/],
  ['nested lists without end', '- '.repeat(300_000), /nested deeper/],
  ['a file too large', `a: ${'x'.repeat(1 << 20)}`, /larger than 1 MiB/],
  ['__proto__', '__proto__: {polluted: true}', /__proto__ is no key/],
  ['a list as a key', '? [1, 2]\n: 3', /a key must be a plain name/],
];

for (const [title, text, message] of refused) {
  test(`refused: ${title}`, t => {
    t.throws(() => read(text), {instanceOf: UsageError, message});
  });
}

test('a merge key is a key like any other, for the schema to refuse', t => {
  t.deepEqual(read('a: &x {k: 1}\nb: {<<: *x}\n'), {a: {k: 1}, b: {'<<': {k: 1}}});
});
