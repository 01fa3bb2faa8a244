import test from 'ava';
import {merge, originAt, plain, putAt, replace, treeOf} from '../../src/config/tree.js';
import {UsageError} from '../../src/errors.js';

const merged = (parent: unknown, child: unknown) =>
  plain(merge(treeOf(parent, 'parent'), treeOf(child, 'child')));

test('maps merge deeply, lists and scalars replace', t => {
  t.deepEqual(merged({a: {b: 1, c: 2}, list: [1, 2, 3], n: {x: 1}}, {a: {c: 3, d: 4}, list: [9], n: null}), {
    a: {b: 1, c: 3, d: 4},
    list: [9],
    n: null,
  });
});

test('a map of another kind replaces the parent whole; one of the same kind or without kind merges', t => {
  const focal = {kind: 'focal', alpha: 0.25, gamma: 2};
  t.deepEqual(merged({loss: focal}, {loss: {kind: 'cross-entropy'}}), {loss: {kind: 'cross-entropy'}});
  t.deepEqual(merged({loss: focal}, {loss: {kind: 'focal', gamma: 1}}), {
    loss: {kind: 'focal', alpha: 0.25, gamma: 1},
  });
  t.deepEqual(merged({loss: focal}, {loss: {gamma: 1}}), {loss: {kind: 'focal', alpha: 0.25, gamma: 1}});
});

test('every value keeps its origin through a merge', t => {
  const tree = merge(treeOf({a: {b: 1, c: 2}}, 'parent'), treeOf({a: {c: 3}}, 'child'));
  t.is(originAt(tree, ['a', 'b']), 'parent');
  t.is(originAt(tree, ['a', 'c']), 'child');
  t.is(originAt(tree, ['a', 'missing']), 'child'); // of the map that lacks it
});

test('a value is put at a path, into lists, and into what was null', t => {
  const tree = treeOf({steps: [1, 2], resize: null}, 'file');
  t.deepEqual(plain(putAt(tree, ['steps', '1'], treeOf(5, '--set'), merge)), {steps: [1, 5], resize: null});
  t.deepEqual(plain(putAt(tree, ['resize', 'shortSide'], treeOf(600, '--set'), merge)), {
    steps: [1, 2],
    resize: {shortSide: 600},
  });
});

test('replace forgets the fields of the value that was there, merge keeps them', t => {
  const tree = treeOf({data: {kind: 'voc', classes: ['a']}}, 'file');
  const value = treeOf({kind: 'voc', root: 'x'}, '--data');
  t.deepEqual(plain(putAt(tree, ['data'], value, replace)), {data: {kind: 'voc', root: 'x'}});
  t.deepEqual(plain(putAt(tree, ['data'], value, merge)), {data: {kind: 'voc', classes: ['a'], root: 'x'}});
});

test('a path through a scalar or past the end of a list is refused', t => {
  const tree = treeOf({seed: 1, steps: [1]}, 'file');
  t.throws(() => putAt(tree, ['seed', 'x'], treeOf(1, '--set seed.x=1'), merge), {
    instanceOf: UsageError,
    message: '--set seed.x=1: seed is 1, which has no x',
  });
  t.throws(() => putAt(tree, ['steps', '1'], treeOf(1, 'flag'), merge), {
    message: 'flag: steps is a list of 1, which has no item 1',
  });
});
