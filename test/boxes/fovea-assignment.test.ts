/** Hand-computed cases on a canvas of 64 x 64: levels of 8x8, 4x4, 2x2, 1x1 and 1x1 points, which begin at 0, 64, 80, 84, 85. */
import test from 'ava';
import {assignFoveae, countFoveae} from '../../src/boxes/fovea-assignment.js';
import type {Matches} from '../../src/boxes/matcher.js';
import type {FoveaAssignment} from '../../src/config/foveabox.js';
import {PAPER_LEVELS, readFoveaGolden} from '../fixtures/foveabox/golden.js';

const CANVAS = {height: 64, width: 64};
const PAPER: FoveaAssignment = {levels: PAPER_LEVELS, sigma: 0.4};

const objectsOf = (...boxes: readonly (readonly [number, number, number, number])[]) => ({
  boxes: Float32Array.from(boxes.flat()),
  classes: Int32Array.from(boxes, (_, i) => i + 1),
});

/** [point, object] of every foreground point. */
function foreground({labels, matches}: Matches): readonly (readonly [number, number])[] {
  return [...matches.entries()].filter(([point]) => labels[point]! > 0);
}

test('the middle of an object is foreground at every level whose range has its scale', t => {
  // Scale sqrt(40 * 40) = 40: P3 (1 to 64) and P4 (32 to 128).
  // P3: the box is 1 to 6 in cells, so columns and rows are ceil(1 + 0.6 * 2.5 - 0.5) = 2 to floor(1 + 1.4 * 2.5 - 0.5) = 4.
  // P4: 0.5 to 3: ceil(0.5 + 0.6 * 1.25 - 0.5) = 1 to floor(0.5 + 1.4 * 1.25 - 0.5) = 1.
  const matched = assignFoveae(objectsOf([8, 8, 48, 48]), CANVAS, PAPER);
  const p3 = [2, 3, 4].flatMap(row => [2, 3, 4].map(column => 8 * row + column));
  t.deepEqual(
    foreground(matched).map(([point]) => point),
    [...p3, 64 + 4 * 1 + 1],
  );
  t.is(matched.labels.length, 86);
  t.true(matched.labels.every((label, point) => label === (matched.matches[point] === 0 ? 1 : 0)));
});

test('both ends of a range belong to it', t => {
  // On 128 x 128 the levels begin at 0, 256, 320, 336 and 340. P3 has 1 to 64, P4 32 to 128, P5 64 to 256.
  const starts = [0, 256, 320, 336, 340];
  const levelsOf = (...box: [number, number, number, number]) => {
    const matched = assignFoveae(objectsOf(box), {height: 128, width: 128}, PAPER);
    const levelOf = (point: number) => 2 + starts.filter(start => start <= point).length;
    return [...new Set(foreground(matched).map(([point]) => levelOf(point)))];
  };
  t.deepEqual(levelsOf(16, 16, 80, 80), [3, 4, 5]); // scale 64
  t.deepEqual(levelsOf(16, 16, 80, 79), [3, 4]);
  t.deepEqual(levelsOf(8, 8, 40, 40), [3, 4]); // scale 32
  t.deepEqual(levelsOf(8, 8, 40, 39), [3]);
});

test('where foveae meet the smaller object has the point, of equal ones the last', t => {
  // P3 only. The large box, 0 to 48, has columns ceil(0 + 0.6 * 3 - 0.5) = 2 to floor(0 + 1.4 * 3 - 0.5) = 3, and the same
  // rows. The small one, 20 to 36 (2.5 to 4.5 in cells), has ceil(2.5 + 0.6 - 0.5) = 3 to floor(2.5 + 1.4 - 0.5) = 3.
  const large = [0, 0, 48, 48] as const;
  const small = [20, 20, 36, 36] as const;
  const points = [18, 19, 26, 27];
  const p3 = (matched: Matches) => foreground(matched).filter(([point]) => point < 64);
  for (const [objects, owner] of [
    [objectsOf(large, small), 1],
    [objectsOf(small, large), 0],
    [objectsOf(large, small, small), 2],
  ] as const) {
    t.deepEqual(
      p3(assignFoveae(objects, CANVAS, PAPER)),
      points.map(point => [point, point === 27 ? owner : objects.boxes[2] === 48 ? 0 : 1]),
    );
  }
});

test('a fovea between the centres of cells has no point', t => {
  // 10 pixels around 24: in cells 2.375 to 3.625, ceil(2.375 + 0.6 * 0.625 - 0.5) = 3, floor(2.375 + 1.4 * 0.625 - 0.5) = 2.
  t.deepEqual(foreground(assignFoveae(objectsOf([19, 19, 29, 29]), CANVAS, PAPER)), []);
  // Between columns, but not between rows.
  t.deepEqual(foreground(assignFoveae(objectsOf([19, 16, 29, 24]), CANVAS, PAPER)), []);
  t.is(foreground(assignFoveae(objectsOf([16, 16, 24, 24]), CANVAS, PAPER)).length, 1);
});

test('a fovea beyond the last centre is clamped to the last cell', t => {
  // 61 to 64 in a corner: 7.625 to 8 in cells, ceil(7.625 + 0.6 * 0.1875 - 0.5) = 8 and floor(7.625 + 1.4 * 0.1875 - 0.5) = 7.
  t.deepEqual(foreground(assignFoveae(objectsOf([61, 61, 64, 64]), CANVAS, PAPER)), [[63, 0]]);
});

test('sigma 1 makes every centre inside of an object foreground', t => {
  // 0 to 32: four centres a side at P3, two at P4.
  const {labels} = assignFoveae(objectsOf([0, 0, 32, 32]), CANVAS, {...PAPER, sigma: 1});
  t.is(labels.filter(label => label > 0).length, 16 + 4);
});

test('objects in no range, without an area and of NaN are background; so is all of an empty image', t => {
  const tiny = objectsOf([10, 10, 10.5, 10.5]); // scale 0.5
  for (const objects of [
    tiny,
    objectsOf([40, 40, 20, 60]),
    objectsOf([8, 8, 8, 48]),
    objectsOf([Number.NaN, 8, 48, 48]),
    objectsOf(),
  ]) {
    const {labels, matches} = assignFoveae(objects, CANVAS, PAPER);
    t.true(labels.every(label => label === 0));
    t.true(matches.every(match => match === -1));
  }
});

test('points are counted as they are labelled: every one is an example', t => {
  const objects = objectsOf([8, 8, 48, 48], [50, 50, 60, 60]);
  const {labels} = assignFoveae(objects, CANVAS, PAPER);
  t.deepEqual(countFoveae(objects, CANVAS, PAPER), {
    examples: 86,
    foreground: labels.filter(label => label > 0).length,
  });
});

test('labels and objects are those of the re-statement, cell by cell', t => {
  const golden = readFoveaGolden();
  for (const [image, {boxes, classes}] of golden.images.entries()) {
    const objects = {boxes: Float32Array.from(boxes), classes: Int32Array.from(classes)};
    const {labels, matches} = assignFoveae(objects, golden.canvas, PAPER);
    t.deepEqual([...matches], golden.matches[image]);
    t.deepEqual(
      [...labels],
      golden.matches[image]!.map(match => (match < 0 ? 0 : classes[match]!)),
    );
  }
});
