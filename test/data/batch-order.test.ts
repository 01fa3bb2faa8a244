import test from 'ava';
import {batchOrder, sizeOrder, type Turn} from '../../src/data/batch-order.js';

const wide = {width: 20, height: 10};
const tall = {width: 10, height: 20};
const config = {seed: 7, imagesPerBatch: 4, aspectGrouping: true};

function take(
  sizes: readonly {width: number; height: number}[],
  options: typeof config,
  start: number,
  count: number,
) {
  const order = batchOrder(sizes, options, start);
  return Array.from({length: count}, () => order.next().value as readonly Turn[]);
}

test('batch i is the same, wherever the run was resumed', t => {
  const sizes = Array.from({length: 23}, (_, i) => (i % 3 === 0 ? tall : wide));
  const whole = take(sizes, config, 0, 40);
  t.deepEqual(take(sizes, config, 13, 27), whole.slice(13));
  t.notDeepEqual(take(sizes, {...config, seed: 8}, 0, 40), whole);
});

test('every epoch visits every image once, in another order', t => {
  const sizes = Array.from({length: 10}, () => wide);
  // 20 batches of 4 are 8 epochs of 10.
  const turns = take(sizes, config, 0, 20).flat();
  const orders = Array.from({length: 8}, (_, epoch) =>
    turns.filter(turn => turn.epoch === epoch).map(({index}) => index),
  );
  for (const order of orders)
    t.deepEqual(
      [...order].sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
  t.is(new Set(orders.map(String)).size, 8);
});

test('aspect grouping never mixes wide with tall, square counts as tall, and drops nothing', t => {
  const sizes = [wide, tall, wide, {width: 10, height: 10}, wide, tall, wide, tall, wide, wide];
  const batches = take(sizes, config, 0, 50);
  for (const batch of batches) {
    t.is(new Set(batch.map(({index}) => sizes[index]!.height < sizes[index]!.width)).size, 1);
  }
  // 200 turns are 20 epochs, but for at most 3 images that wait in either queue.
  const counts = sizes.map((_, image) => batches.flat().filter(({index}) => index === image).length);
  t.true(Math.min(...counts) >= 18 && Math.max(...counts) <= 22, String(counts));
  const mixed = take(sizes, {...config, aspectGrouping: false}, 0, 50);
  t.true(
    mixed.some(
      batch => new Set(batch.map(({index}) => sizes[index]!.height < sizes[index]!.width)).size === 2,
    ),
  );
});

test('a data set smaller than a batch fills it from several epochs', t => {
  const [batch] = take([wide, wide], {...config, imagesPerBatch: 5}, 0, 1);
  t.deepEqual(
    batch?.map(({epoch}) => epoch),
    [0, 0, 1, 1, 2],
  );
});

test('evaluation groups like sizes, the largest first', t => {
  t.deepEqual(sizeOrder([wide, tall, {width: 30, height: 30}, wide, tall]), [2, 1, 4, 0, 3]);
});
