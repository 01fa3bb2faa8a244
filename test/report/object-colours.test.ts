import test from 'ava';
import {classColour, objectColours} from '../../src/report/object-colours.js';

test('classes have colours of their own as far as they reach, then the first again', t => {
  const colours = Array.from({length: 9}, (_, i) => classColour(i + 1));
  t.is(new Set(colours).size, 9);
  t.is(classColour(10), classColour(1));
});

test('as many objects as colours have one each; the next takes that of the farthest', t => {
  const row = Array.from({length: 9}, (_, i) => [10 * i, 0] as const);
  const colours = objectColours([...row, [75, 0], [0, 1]]);
  t.is(new Set(colours.slice(0, 9)).size, 9);
  t.is(colours[9], colours[0]);
  // From 0, 1 the ends of the row are farthest: 80, 0 and 75, 0; but 75, 0 shares its colour with 0, 0.
  t.is(colours[10], colours[8]);
  t.deepEqual(objectColours([]), []);
});
