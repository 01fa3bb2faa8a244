import {setTimeout as wait} from 'node:timers/promises';
import test from 'ava';
import {concurrently} from '../../src/data/concurrently.js';

test('results keep the order of the items, and no more than the limit are under way', async t => {
  let underWay = 0;
  let most = 0;
  const results = await concurrently([5, 1, 4, 2, 3], 2, async (item, index) => {
    most = Math.max(most, ++underWay);
    await wait(item * 2);
    underWay--;
    return item * 10 + index;
  });
  t.deepEqual(results, [50, 11, 42, 23, 34]);
  t.is(most, 2);
  t.deepEqual(await concurrently([], 4, async () => 1), []);
});

test('the first failure is thrown when the jobs under way have ended, and starts no more', async t => {
  const ended: number[] = [];
  const work = concurrently([1, 2, 3, 4], 2, async item => {
    await wait(item === 1 ? 1 : 10);
    ended.push(item);
    if (item === 1) throw new Error('one');
  });
  await t.throwsAsync(work, {message: 'one'});
  t.deepEqual(ended, [1, 2]);
});
