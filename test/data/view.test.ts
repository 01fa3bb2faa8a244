import test from 'ava';
import {evaluationView, plainViews, trainingView} from '../../src/data/view.js';

const image = {id: 4, width: 640, height: 480};
const at = (seed: number, epoch: number, side?: number) => ({seed, epoch, side});
const asItIs = {resize: null, letterbox: null, flip: 0};
/** detectron2's Cascade R-CNN. */
const training = [640, 672, 704, 736, 768, 800];
const several = {
  resize: {shortSide: {training, evaluation: 800}, maxLongSide: 1333},
  letterbox: null,
  flip: 0.5,
};
const still = {flip: false} as const;
const one = {resize: {shortSide: 800, maxLongSide: 1333}, letterbox: null, flip: 0.5};

test('one short side is that of training and of evaluation', t => {
  const size = {width: 1066, height: 800};
  t.deepEqual(evaluationView(image, one), {...size, ...still});
  t.deepEqual(plainViews(image, one), [{...size, ...still}]);
  t.deepEqual(trainingView({...image, id: 9}, {...one, flip: 0}, at(3, 7)), {...size, flip: false});
});

test('without resizing images keep their size', t => {
  t.deepEqual(evaluationView(image, asItIs), {width: 640, height: 480, flip: false});
  t.deepEqual(plainViews(image, asItIs), [{width: 640, height: 480, flip: false}]);
  t.deepEqual(trainingView(image, {...asItIs, flip: 1}, at(3, 7)), {width: 640, height: 480, flip: true});
});

test('of several short sides evaluation uses its own, and each training size keeps the aspect', t => {
  t.deepEqual(evaluationView(image, several), {width: 1066, height: 800, flip: false});
  t.deepEqual(
    evaluationView(image, {...several, resize: {...several.resize, shortSide: {training, evaluation: 720}}}),
    {
      width: 960,
      height: 720,
      flip: false,
    },
  );
  // 4/3 of the short side, truncated: 853.3, 896, 938.7, 981.3, 1024, 1066.7.
  t.deepEqual(
    plainViews(image, several).map(({width, height}) => [width, height]),
    [
      [853, 640],
      [896, 672],
      [938, 704],
      [981, 736],
      [1024, 768],
      [1066, 800],
    ],
  );
  // Twice as wide as high: 1333 / 2 = 666.5, half to even, so that all but the first size are the same.
  t.deepEqual(
    plainViews({width: 600, height: 300}, several).map(({height}) => height),
    [640, 666, 666, 666, 666, 666],
  );
});

test('the size is drawn by seed, epoch and image, evenly, whatever becomes of the flip', t => {
  const views = (epoch: number, seed = 3, flip = 0.5) =>
    Array.from({length: 1200}, (_, id) => trainingView({...image, id}, {...several, flip}, at(seed, epoch)));
  const heights = (...of: Parameters<typeof views>) => views(...of).map(({height}) => height);
  t.deepEqual(views(0), views(0));
  t.notDeepEqual(heights(0), heights(1));
  t.notDeepEqual(heights(0), heights(0, 4));
  t.deepEqual(heights(0), heights(0, 3, 0));
  for (const side of training) {
    const drawn = views(0).filter(({height}) => height === side);
    // 1200 draws at 1/6: mean 200, deviation 12.9; four of them are 52. Half of them flipped: deviation 7.1, four are 28.
    t.true(Math.abs(drawn.length - 200) < 52, `${side}: ${drawn.length}`);
    t.true(Math.abs(drawn.filter(({flip}) => flip).length - drawn.length / 2) < 28);
  }
});

test('flips depend on seed, epoch and image, and come as often as asked', t => {
  const flips = (flip: number, epoch = 0) =>
    Array.from({length: 1000}, (_, id) => trainingView({...image, id}, {...one, flip}, at(3, epoch)).flip);
  t.deepEqual(flips(0.5), flips(0.5));
  t.notDeepEqual(flips(0.5), flips(0.5, 1));
  t.true(flips(1).every(Boolean));
  t.false(flips(0).some(Boolean));
  // 1000 draws at 0.3: mean 300, deviation 14.5; four of them are 58.
  t.true(Math.abs(flips(0.3).filter(Boolean).length - 300) < 58);
});
