// A run that fails before its first step does not block its folder.
import {existsSync} from 'node:fs';
import {mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import sharp from 'sharp';
import {temporaryFolder} from '../temporary-folder.js';
import {runSf} from './run-sf.js';

const IMAGES = 4;

/** A COCO folder of small images with one object each, and a cache of its own. */
async function project(t: ExecutionContext): Promise<{
  readonly folder: string;
  readonly train: (...args: readonly string[]) => ReturnType<typeof runSf>;
}> {
  const folder = await temporaryFolder(t);
  const images = Array.from({length: IMAGES}, (_, i) => ({
    ...{id: i + 1, file_name: `${i + 1}.png`, width: 64, height: 64},
  }));
  await mkdir(join(folder, 'data', 'images'), {recursive: true});
  await mkdir(join(folder, 'data', 'annotations'));
  for (const {file_name} of images) {
    const image = sharp({create: {width: 64, height: 64, channels: 3, background: '#789'}});
    await image.png().toFile(join(folder, 'data', 'images', file_name));
  }
  const annotations = images.map(({id}) => ({
    ...{id, image_id: id, category_id: 1, bbox: [8, 8, 30, 30], area: 900, iscrowd: 0},
  }));
  await writeFile(
    join(folder, 'data', 'annotations', 'instances.json'),
    JSON.stringify({images, annotations, categories: [{id: 1, name: 'square'}]}),
  );
  const env = {...process.env, SF_CACHE: join(folder, 'cache'), SF_ENGINE: 'wasm'};
  const train = (...args: readonly string[]) =>
    runSf(
      {env, cwd: folder},
      ...['train', 'smoke/retinanet', '--data', 'coco:data', '--set', 'schedule.iterations=2'],
      ...args,
    );
  return {folder, train};
}

const statusOf = async (runDir: string): Promise<unknown> =>
  JSON.parse(await readFile(join(runDir, 'result.json'), 'utf8')).status;

test('after a broken image in the first batch the same command trains, once the image is whole', async t => {
  const {folder, train} = await project(t);
  const runDir = join(folder, 'runs', 'first');
  const images = join(folder, 'data', 'images');
  const whole = await readFile(join(images, '1.png'));
  // All of them: whichever comes first.
  for (const name of await readdir(images)) await writeFile(join(images, name), whole.subarray(0, 60));
  const broken = await train('--out', runDir);
  t.is(broken.code, 1, broken.stderr);
  t.is(await statusOf(runDir), 'failed');
  await writeFile(join(runDir, 'notes.txt'), 'mine');

  for (const name of await readdir(images)) await writeFile(join(images, name), whole);
  // Another config than the failed one's.
  const again = await train('--out', runDir, '--seed', '5');
  t.is(again.code, 0, again.stderr);
  t.regex(
    again.stderr,
    /^note: the run in .*first failed \(.*\) before its first step; this one takes its place$/m,
  );
  t.is(await statusOf(runDir), 'finished');
  t.is(await readFile(join(runDir, 'notes.txt'), 'utf8'), 'mine');
  t.is((await readFile(join(runDir, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n').length, 2);

  const third = await train('--out', runDir);
  t.is(third.code, 2);
  t.regex(third.stderr, /holds a run already/);
});

test('what stops a run before it has a folder leaves none', async t => {
  const {folder, train} = await project(t);
  const runs = join(folder, 'runs');
  const refused = await train('--out', join(runs, 'a', 'b'), '--precision', 'bf16');
  t.not(refused.code, 0);
  t.false(existsSync(runs));
  await rm(join(folder, 'data', 'annotations', 'instances.json'));
  const missing = await train('--out', join(runs, 'a', 'b'));
  t.is(missing.code, 2, missing.stderr);
  t.false(existsSync(runs));
});
