import test from 'ava';
import {type BoxLabel, type DrawnBox, placeLabels} from '../../src/report/box-labels.js';

const CANVAS = {width: 400, height: 300};
const SIZES = {least: 10, most: 20};

/** Of nine letters at font size 10: 9 * 0.56 * 10, rounded up, and 2 * 2 around; a line of 10 and 2 * 0.8, rounded up. */
const [WIDTH, HEIGHT] = [55, 12];
const TEXT = 'bike 0.95';

const place = (boxes: readonly DrawnBox[], texts = boxes.map(() => TEXT)) =>
  placeLabels(texts, boxes, CANVAS, SIZES);
const boxOf = (label: BoxLabel | undefined) => label?.box;

test('a label stands above its box, on its left side; where the image ends, on its right side or below', t => {
  t.deepEqual(boxOf(place([[100, 100, 130, 130]])[0]), [100, 100 - HEIGHT, 100 + WIDTH, 100]);
  t.deepEqual(boxOf(place([[380, 100, 400, 130]])[0]), [400 - WIDTH, 100 - HEIGHT, 400, 100]);
  t.deepEqual(boxOf(place([[100, 5, 130, 35]])[0]), [100, 35, 100 + WIDTH, 35 + HEIGHT]);
});

test('letters follow the size of the box, between the least and the most', t => {
  // A quarter of the mean side: 40 * 90 is the square of 60.
  t.deepEqual(
    place([
      [0, 100, 20, 120],
      [100, 100, 140, 190],
      [200, 100, 350, 250],
    ]).map(label => label?.fontSize),
    [10, 15, 20],
  );
});

test('a box that fills the image has its label inside, one that would be hidden by it has none', t => {
  t.deepEqual(boxOf(place([[0, 0, 400, 300]], ['x'])[0])?.slice(0, 2), [0, 0]);
  // As high as the image and as wide as the label: below and above there is no room, beside it there is.
  const column = placeLabels([TEXT], [[0, 0, WIDTH, 30]], {width: WIDTH, height: 30}, SIZES);
  t.deepEqual(column, [undefined]);
});

test('labels do not lie on one another: the stronger object keeps its place, the weaker one goes below', t => {
  const [first, second] = place([
    [100, 100, 130, 130],
    [110, 98, 140, 128],
  ]);
  t.deepEqual(boxOf(first), [100, 88, 155, 100]);
  t.deepEqual(boxOf(second), [110, 128, 165, 140]);
});

test('a label that would hide another object is left out, and takes no room', t => {
  // Rows of objects, 12 apart as a label is high: whatever is beside the middle one lies on its neighbours.
  const crowd: DrawnBox[] = [];
  for (let y = 0; y < 25; y++) {
    for (let x = 0; x < 20; x++) crowd.push([20 * x, 12 * y, 20 * x + 18, 12 * y + 11]);
  }
  t.deepEqual(
    place(crowd),
    crowd.map(() => undefined),
  );
  // Without the row above it an object has its label there.
  const open = crowd.filter(([, y1]) => y1 !== 132);
  const isNamed = ([x1, y1]: DrawnBox) => x1 === 200 && y1 === 144;
  const only = place([...open.filter(isNamed), ...open.filter(box => !isNamed(box))]);
  t.deepEqual(boxOf(only[0]), [200, 132, 255, 144]);
});

test('where the suitable letters have no room the least ones may have', t => {
  const canvas = {width: 300, height: 40};
  const [short] = placeLabels(['x'], [[0, 14, 300, 40]], canvas, SIZES);
  t.deepEqual([short?.fontSize, boxOf(short)?.slice(0, 2)], [20, [0, 14]]);
  // 14 pixels are free above the box, and letters of 20 need 24; inside, 109 x 24 would hide a third of it.
  const [long] = placeLabels([TEXT], [[0, 14, 300, 40]], canvas, SIZES);
  t.deepEqual([long?.fontSize, boxOf(long)], [10, [0, 2, 55, 14]]);
});

test('no objects have no labels, and a box without area has one all the same', t => {
  t.deepEqual(place([]), []);
  t.is(place([[50, 50, 50, 50]])[0]?.fontSize, 10);
});
