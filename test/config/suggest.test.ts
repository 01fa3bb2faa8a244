import test from 'ava';
import {editDistance, nearest, suggestion} from '../../src/config/suggest.js';

test('edit distance counts insertions, deletions, substitutions and swaps of neighbours', t => {
  t.is(editDistance('', 'abc'), 3);
  t.is(editDistance('kitten', 'sitting'), 3); // k>s, e>i, +g
  t.is(editDistance('basLr', 'baseLr'), 1); // +e
  t.is(editDistance('trian', 'train'), 1); // one swap, two substitutions without it
  t.is(editDistance('ca', 'abc'), 3); // the restricted form: a swapped pair is not edited again (2 otherwise)
});

test('the nearest name is found whatever its case, and only when it is near', t => {
  const names = ['tensorflow', 'wasm', 'cpu'];
  t.is(nearest('wsam', names), 'wasm');
  t.is(nearest('CPU', names), 'cpu');
  t.is(nearest('tensorflwo', names), 'tensorflow');
  t.is(nearest('cuda', names), undefined);
  t.is(nearest('', names), undefined);
});

test('a suggestion falls back to what is valid', t => {
  t.is(suggestion('al', ['all', 'ohem']), '; did you mean all?');
  t.is(suggestion('random', ['all', 'ohem']), '; valid: all, ohem');
  t.is(suggestion('x', []), '');
});
