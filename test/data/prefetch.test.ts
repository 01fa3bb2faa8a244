import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {prefetched} from '../../src/data/prefetch.js';

test('loads run ahead by the given number, and results keep their order', async t => {
  const started: number[] = [];
  const seen: number[] = [];
  const load = async (item: number) => {
    started.push(item);
    await sleep(item === 0 ? 20 : 1);
    return item * 10;
  };
  for await (const result of prefetched([0, 1, 2, 3, 4], load, 2)) {
    seen.push(result);
    if (result === 0) t.deepEqual(started, [0, 1, 2]);
  }
  t.deepEqual(seen, [0, 10, 20, 30, 40]);
});

test('an error comes at its item, not before, and nothing is left running', async t => {
  let running = 0;
  const load = async (item: number) => {
    running++;
    await sleep(2 * item);
    running--;
    if (item === 2) throw new Error('item 2 is broken');
    return item;
  };
  const seen: number[] = [];
  const error = await t.throwsAsync(async () => {
    for await (const item of prefetched([0, 1, 2, 3, 4, 5], load, 3)) {
      seen.push(item);
      await sleep(10); // the broken one fails while nobody waits for it
    }
  });
  t.is(error?.message, 'item 2 is broken');
  t.deepEqual(seen, [0, 1]);
  t.is(running, 0);
});

test('stopping early waits for what is under way and ends an endless source', async t => {
  let running = 0;
  let ended = false;
  function* endless() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      ended = true;
    }
  }
  const load = async (item: number) => {
    running++;
    await sleep(5);
    running--;
    return item;
  };
  for await (const item of prefetched(endless(), load, 4)) if (item === 1) break;
  t.is(running, 0);
  t.true(ended);
});
