import test from 'ava';
import {Random} from '../../src/random/random.js';
import {sample} from '../../src/samplers/sampler.js';
import {samplingContext} from './context.js';

const context = (seed = 1) => samplingContext({seed});

/** Labels with so many foreground (class 2), background and ignored anchors, interleaved. */
function labelled(foreground: number, background: number, ignored: number): Int32Array {
  const labels = [
    ...new Array<number>(foreground).fill(2),
    ...new Array<number>(background).fill(0),
    ...new Array<number>(ignored).fill(-1),
  ];
  return new Random(7, 'labels').shuffle(Int32Array.from(labels));
}

function counts(labels: Int32Array, weights: Float32Array) {
  const drawn = [...weights.keys()].filter(i => weights[i] === 1);
  return {
    foreground: drawn.filter(i => labels[i]! > 0).length,
    background: drawn.filter(i => labels[i] === 0).length,
    ignored: drawn.filter(i => labels[i]! < 0).length,
    partial: weights.filter(w => w !== 0 && w !== 1).length,
  };
}

test("'all' weighs foreground and background 1 and ignored anchors 0", t => {
  t.deepEqual([...sample({kind: 'all'}, Int32Array.of(3, 0, -1, 1), context())], [1, 1, 0, 1]);
  t.is(sample({kind: 'all'}, new Int32Array(0), context()).length, 0);
});

// Faster R-CNN's RPN: 256 of which at most 128 are foreground. [foreground, background in the labels], drawn
const RPN = {kind: 'minibatch-biased', n: 256, fraction: 0.5} as const;
for (const {labels, drawn} of [
  {labels: [200, 9000], drawn: [128, 128]},
  {labels: [20, 9000], drawn: [20, 236]}, // background fills up
  {labels: [200, 30], drawn: [128, 30]}, // foreground does not
  {labels: [0, 9000], drawn: [0, 256]},
  {labels: [200, 0], drawn: [128, 0]},
  {labels: [3, 5], drawn: [3, 5]},
]) {
  const [foreground, background] = labels as [number, number];
  test(`of ${foreground} foreground and ${background} background anchors it draws ${drawn.join(' and ')}`, t => {
    const image = labelled(foreground, background, 50);
    t.deepEqual(counts(image, sample(RPN, image, context())), {
      foreground: drawn[0]!,
      background: drawn[1]!,
      ignored: 0,
      partial: 0,
    });
  });
}

test('a quarter of 512 is 128 foreground RoIs, and a fraction of a RoI is not drawn', t => {
  const image = labelled(900, 900, 0);
  t.is(
    counts(image, sample({kind: 'minibatch-biased', n: 512, fraction: 0.25}, image, context())).foreground,
    128,
  );
  t.is(
    counts(image, sample({kind: 'minibatch-biased', n: 10, fraction: 0.25}, image, context())).foreground,
    2,
  );
});

test('the draw depends on the seed only', t => {
  const image = labelled(500, 5000, 10);
  t.deepEqual(sample(RPN, image, context(1)), sample(RPN, image, context(1)));
  t.notDeepEqual(sample(RPN, image, context(1)), sample(RPN, image, context(2)));
});

test('every background anchor is drawn equally often', t => {
  // 20 of 100 anchors, 2000 times: each 400 times on average, standard deviation sqrt(2000 * 0.2 * 0.8) = 18.
  const image = labelled(0, 100, 0);
  const same = context();
  const times = new Array<number>(100).fill(0);
  for (let round = 0; round < 2000; round++) {
    const weights = sample({kind: 'minibatch-biased', n: 20, fraction: 0.5}, image, same);
    for (const [i, weight] of weights.entries()) times[i]! += weight;
  }
  t.true(times.every(count => Math.abs(count - 400) < 5 * 18));
});

test('no anchors give no weights', t => {
  t.is(sample(RPN, new Int32Array(0), context()).length, 0);
});
