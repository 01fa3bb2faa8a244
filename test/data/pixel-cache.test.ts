import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {PixelCache} from '../../src/data/pixel-cache.js';
import {imageMaker} from './image-maker.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-pixel-cache-'));
const makeImage = imageMaker(folder);
const images = await Promise.all([1, 2, 3].map(id => makeImage(id, 40, 24)));
test.after.always(() => rm(folder, {recursive: true}));

test('the cache decodes an image once while it fits, and keeps to its budget', async t => {
  const size = {width: 40, height: 24};
  const bytes = 40 * 24 * 3;
  const cache = new PixelCache(2 * bytes + 1);
  const first = await cache.load(images[0]!, size);
  t.is(await cache.load(images[0]!, size), first);
  await cache.load(images[1]!, size);
  const third = await cache.load(images[2]!, size);
  t.is(cache.size, 2);
  const again = await cache.load(images[2]!, size);
  t.not(again, third);
  t.deepEqual(again, third);
});

test('the cache keeps an image at every size that it was asked for', async t => {
  const [large, small] = [
    {width: 40, height: 24},
    {width: 20, height: 12},
  ];
  const cache = new PixelCache(40 * 24 * 3 + 20 * 12 * 3);
  const first = await cache.load(images[0]!, large);
  const second = await cache.load(images[0]!, small);
  t.deepEqual([first.length, second.length, cache.size], [40 * 24 * 3, 20 * 12 * 3, 2]);
  t.is(await cache.load(images[0]!, large), first);
  t.is(await cache.load(images[0]!, small), second);
});
