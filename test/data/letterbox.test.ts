import test from 'ava';
import {centred, jittered, type Letterbox, sideOfBatch} from '../../src/data/letterbox.js';
import {evaluationView, plainViews, trainingView} from '../../src/data/view.js';
import {Random} from '../../src/random/random.js';

const config: Letterbox = {
  side: {training: [320, 352, 384, 416, 448, 480, 512, 544, 576, 608], evaluation: 608},
  redrawEvery: 10,
  largestForLast: 200,
  augmentation: {jitter: 0.3, hue: 0.1, saturation: 1.5, exposure: 1.5, minSide: 0.001, maxObjects: 90},
};
const input = {resize: null, letterbox: config, flip: 0.5};

test('an image fits its square in one direction and lies in the middle of the other', t => {
  // 608 * 480 / 640 = 456, (608 - 456) / 2 = 76.
  const canvas = {width: 608, height: 608};
  t.deepEqual(centred({width: 640, height: 480}, 608), {
    width: 608,
    height: 456,
    placement: {left: 0, top: 76, canvas},
  });
  // 608 * 375 / 500 = 456; of 427 / 640: 405.65, (608 - 405) / 2 = 101.5.
  t.deepEqual(centred({width: 375, height: 500}, 608).placement, {left: 76, top: 0, canvas});
  t.deepEqual(centred({width: 427, height: 640}, 608), {
    width: 405,
    height: 608,
    placement: {left: 101, top: 0, canvas},
  });
  t.deepEqual(centred({width: 20, height: 20}, 608), {...canvas, placement: {left: 0, top: 0, canvas}});
  // Nothing disappears.
  t.is(centred({width: 5000, height: 1}, 320).height, 1);
});

test('jitter changes the aspect by up to (1 + j) / (1 - j) and leaves no pixel outside of the square', t => {
  const random = new Random(1, 'test');
  const aspects: number[] = [];
  for (let i = 0; i < 4000; i++) {
    const {width, height, placement} = jittered({width: 640, height: 480}, 416, 0.3, random);
    t.true(width === 416 || height === 416);
    t.true(placement.left >= 0 && placement.left + width <= 416);
    t.true(placement.top >= 0 && placement.top + height <= 416);
    aspects.push(width / height);
  }
  // 4/3 times [0.7 / 1.3, 1.3 / 0.7] = [0.718, 2.476]; 4000 draws come within a twentieth of the ends; a pixel is 0.5 %.
  t.true(Math.min(...aspects) > 0.714 && Math.min(...aspects) < 0.78, `${Math.min(...aspects)}`);
  t.true(Math.max(...aspects) < 2.49 && Math.max(...aspects) > 2.3, `${Math.max(...aspects)}`);
  t.deepEqual(jittered({width: 50, height: 100}, 96, 0, random).width, 48);
});

test('the side is drawn every ten batches, evenly, and is the largest for what is drawn in the last 200', t => {
  const iterations = 50_000;
  const side = (iteration: number, seed = 3) => sideOfBatch(config, {seed, iteration, iterations});
  for (const start of [0, 10, 49_790]) t.is(new Set([...Array(10).keys()].map(i => side(start + i))).size, 1);
  const draws = Array.from({length: 4000}, (_, draw) => side(10 * draw));
  t.deepEqual(
    draws,
    Array.from({length: 4000}, (_, draw) => side(10 * draw)),
  );
  t.notDeepEqual(
    draws,
    Array.from({length: 4000}, (_, draw) => side(10 * draw, 4)),
  );
  for (const one of config.side.training) {
    // 4000 draws at 1/10: mean 400, deviation 19; four of them are 76.
    t.true(Math.abs(draws.filter(drawn => drawn === one).length - 400) < 76, `${one}`);
  }
  // The draw at 49 800 has 200 batches left, that at 49 810 fewer.
  const last = Array.from({length: 19}, (_, i) => side(49_810 + 10 * i));
  t.true(last.every(drawn => drawn === 608));
  t.true(Array.from({length: 30}, (_, seed) => side(49_800, seed)).some(drawn => drawn !== 608));
});

test('evaluation has one plain square; training draws place, colours and flip by seed, epoch and image', t => {
  const image = {id: 7, width: 640, height: 480};
  t.deepEqual(evaluationView(image, input), {...centred(image, 608), flip: false});
  t.deepEqual(
    plainViews(image, input).map(view => view.placement?.canvas.width),
    config.side.training,
  );
  const view = (epoch: number, id = 7, seed = 1) =>
    trainingView({...image, id}, input, {seed, epoch, side: 416});
  const plain = ({limits: _, ...rest}: ReturnType<typeof view>) => rest;
  t.deepEqual(plain(view(2)), plain(view(2)));
  for (const other of [view(3), view(2, 8), view(2, 7, 2)]) t.notDeepEqual(plain(view(2)), plain(other));
  t.true([...Array(50).keys()].some(epoch => view(epoch).flip));
  for (let epoch = 0; epoch < 500; epoch++) {
    const {width, placement, colours} = view(epoch);
    t.true(placement!.left >= 0 && placement!.left + width <= 416);
    t.true(Math.abs(colours!.hue) <= 0.1);
    for (const factor of [colours!.saturation, colours!.exposure]) t.true(factor >= 1 / 1.5 && factor <= 1.5);
  }
});

test('without augmentation training sees the plain square, mirrored or not', t => {
  const image = {id: 7, width: 427, height: 640};
  const plain = {...input, letterbox: {...config, augmentation: null}, flip: 1};
  // 405 wide at 101: mirrored, the 102 columns of the right side lie on the left.
  t.deepEqual(trainingView(image, plain, {seed: 1, epoch: 0, side: 608}), {
    width: 405,
    height: 608,
    flip: true,
    placement: {left: 102, top: 0, canvas: {width: 608, height: 608}},
  });
});
