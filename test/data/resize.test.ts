import test from 'ava';
import {paddedSize, resizedSize} from '../../src/data/resize.js';

const coco = {shortSide: 800, maxLongSide: 1333};

test('the short side becomes 800 and the long side is truncated', t => {
  // 800 * 640 / 480 = 1066.67, as in every log of a COCO run.
  t.deepEqual(resizedSize({width: 640, height: 480}, coco), {width: 1066, height: 800});
  t.deepEqual(resizedSize({width: 480, height: 640}, coco), {width: 800, height: 1066});
  t.deepEqual(resizedSize({width: 500, height: 500}, coco), {width: 800, height: 800});
});

test('a long side over the bound shrinks the short side instead', t => {
  // 1333 * 300 / 600 = 666.5, half to even: 666; the long side is 666 * 2.
  t.deepEqual(resizedSize({width: 600, height: 300}, coco), {width: 1332, height: 666});
  // 1333 * 427 / 1000 = 569.191 -> 569; 569 * 1000 / 427 = 1332.55 -> 1332.
  t.deepEqual(resizedSize({width: 427, height: 1000}, coco), {width: 569, height: 1332});
  // 1335 / 2 = 667.5, half to even: 668.
  t.deepEqual(resizedSize({width: 2, height: 4}, {shortSide: 800, maxLongSide: 1335}), {
    width: 668,
    height: 1336,
  });
});

test('an image of the right size stays as it is', t => {
  t.deepEqual(resizedSize({width: 1100, height: 800}, coco), {width: 1100, height: 800});
});

test('a hair-thin image keeps at least one pixel', t => {
  t.deepEqual(resizedSize({width: 1, height: 3000}, coco), {width: 1, height: 1333});
  t.deepEqual(resizedSize({width: 3000, height: 1}, coco), {width: 1333, height: 1});
});

test('padding rounds either side up to the divisor', t => {
  t.deepEqual(paddedSize({width: 1333, height: 800}, 32), {width: 1344, height: 800});
  t.deepEqual(paddedSize({width: 33, height: 1}, 32), {width: 64, height: 32});
});
