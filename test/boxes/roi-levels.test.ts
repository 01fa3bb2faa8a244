import test from 'ava';
import {roiLevels} from '../../src/boxes/roi-levels.js';

const P2_TO_P5 = {finest: 2, coarsest: 5};

/** Square boxes of those sides. */
const squares = (...sides: number[]): Float32Array =>
  Float32Array.from(sides.flatMap(side => [1, 2, 1 + side, 2 + side]));

test('a box of 224 pixels is on P4, and every halving is a level finer', t => {
  // 4 + log2(112 / 224) = 3, 4 + log2(448 / 224) = 5; below 56 there is no finer map than P2, above 448 none than P5.
  t.deepEqual(
    [...roiLevels(squares(10, 56, 111, 112, 223, 224, 447, 448, 2000), P2_TO_P5)],
    [0, 0, 0, 1, 1, 2, 2, 3, 3],
  );
});

test('the level is that of the square of the same area', t => {
  t.deepEqual([...roiLevels(Float32Array.of(0, 0, 448, 112, 0, 0, 12544, 4), P2_TO_P5)], [2, 2]);
});

test('the pyramid and the canonical box can be others', t => {
  const options = {finest: 3, coarsest: 7, canonicalSize: 100, canonicalLevel: 5};
  t.deepEqual([...roiLevels(squares(1, 50, 100, 200, 1000), options)], [0, 1, 2, 3, 4]);
});

test('boxes without area, with corners in the wrong order or with NaN are on the finest map', t => {
  const odd = Float32Array.of(5, 5, 5, 9, 900, 900, 0, 0, 0, 0, Number.NaN, 9);
  t.deepEqual([...roiLevels(odd, P2_TO_P5)], [0, 0, 0]);
  t.is(roiLevels(new Float32Array(0), P2_TO_P5).length, 0);
});
