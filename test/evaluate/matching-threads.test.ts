/** Matching on several cores gives what one core gives, and leaves no thread behind, whatever happens. */
import {existsSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import type {CocoGroundTruth, CocoResults} from '../../src/evaluate/coco-data.js';
import {evaluateCoco, evaluateCocoOnCores} from '../../src/evaluate/coco-eval.js';
import {groupRecords} from '../../src/evaluate/coco-groups.js';
import {pairMatcher} from '../../src/evaluate/coco-outcomes.js';
import {type CocoParameters, cocoParameters} from '../../src/evaluate/coco-parameters.js';
import {type CoreOptions, matchOnCores, type ThreadSetup} from '../../src/evaluate/matching-threads.js';
import {encodeMask} from '../../src/masks/mask.js';
import {type MaskTable, MaskTableBuilder} from '../../src/masks/mask-table.js';
import {anyScene, type Box, groundTruthOf, resultsOf} from './scenes.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-matching-threads-'));
test.after.always(() => rm(folder, {recursive: true}));

/** Threads for any amount of work. */
const ALWAYS: ThreadSetup = {worthwhile: 0};

/** Objects in rows on 40 images, and detections shifted from them by a little more each; image i has i mod 7 objects. */
function crowdedScene(categories: readonly number[]): {groundTruth: CocoGroundTruth; results: CocoResults} {
  const images = Array.from({length: 40}, (_, i) => i + 1);
  const objects = images.flatMap(image =>
    categories.flatMap(category =>
      Array.from({length: (image * category) % 7}, (_, i) => ({
        image,
        category,
        box: [30 * i, 0, 28, 28 + i] as Box,
      })),
    ),
  );
  const shifted = ([x, y, width, height]: Box, by: number): Box => [x + by, y, width, height];
  return {
    groundTruth: groundTruthOf(
      images,
      categories,
      objects.map((object, i) => ({...object, id: i + 1, crowd: i % 11 === 0})),
    ),
    results: resultsOf(
      objects.flatMap((object, i) => [
        {...object, box: shifted(object.box, i % 13), score: ((i * 37) % 101) / 101},
        {...object, box: shifted(object.box, 20), score: ((i * 53) % 97) / 97},
      ]),
    ),
  };
}

/** What one thread makes of every category. */
function alone(groundTruth: CocoGroundTruth, results: CocoResults, parameters: CocoParameters) {
  const groups = groupRecords(groundTruth, results, parameters).categories;
  const match = pairMatcher(groundTruth, results, parameters);
  return {groups, outcomes: groups.map(group => match(group, 0, group.images.length))};
}

async function compare(
  t: ExecutionContext,
  {groundTruth, results}: {groundTruth: CocoGroundTruth; results: CocoResults},
  options: CoreOptions,
  changes: Partial<CocoParameters> = {},
): Promise<void> {
  const parameters = cocoParameters(changes);
  const {groups, outcomes} = alone(groundTruth, results, parameters);
  t.deepEqual(await matchOnCores(groundTruth, results, parameters, groups, options, ALWAYS), outcomes);
}

test('Two threads find what one finds, and count every pair once', async t => {
  const scene = crowdedScene([1, 2, 3, 4]);
  const counts: (readonly [number, number])[] = [];
  await compare(t, scene, {cores: 2, onProgress: (done, total) => counts.push([done, total])});
  const total = counts[0]![1];
  t.deepEqual(counts.at(-1), [total, total]);
  t.true(counts.every(([done], i) => done > (counts[i - 1]?.[0] ?? 0)));
});

test('One category is divided among threads too', async t => {
  const scene = crowdedScene([3]);
  await compare(t, scene, {cores: 3});
  await compare(t, scene, {cores: 1});
  await compare(t, crowdedScene([1, 2]), {cores: 2}, {useCategories: false, maxDetections: [2]});
});

test('Threads see masks', async t => {
  const scene = crowdedScene([1, 2]);
  const masks = (boxes: Float64Array): MaskTable => {
    const table = new MaskTableBuilder();
    for (let at = 0; at < boxes.length; at += 4) {
      const [left, top, width, height] = [...boxes.subarray(at, at + 4)] as [number, number, number, number];
      const inside = (x: number, y: number) => x >= left && x < left + width && y >= top && y < top + height;
      table.push(
        encodeMask(
          Uint8Array.from({length: 40 * 240}, (_, i) => Number(inside(i % 240, Math.floor(i / 240)))),
          40,
          240,
        ),
      );
    }
    return table.take({shared: at(boxes) === 0});
  };
  const at = (boxes: Float64Array) => (boxes === scene.results.boxes ? 0 : 1);
  const withMasks = {
    groundTruth: {...scene.groundTruth, masks: masks(scene.groundTruth.boxes)},
    results: {...scene.results, masks: masks(scene.results.boxes)},
  };
  await compare(t, withMasks, {cores: 2}, {iouType: 'segm'});
  // On whole pixels inside the image masks overlap as their boxes do.
  const ofMasks = evaluateCoco(withMasks.groundTruth, withMasks.results, {iouType: 'segm'});
  t.true(isDeepStrictEqual(ofMasks.curves, evaluateCoco(scene.groundTruth, scene.results).curves));
});

test('An evaluation on cores is that of one thread to the bit, for any scene', async t => {
  await fc.assert(
    fc.asyncProperty(anyScene, async ({images, categories, annotations, found}) => {
      const groundTruth = groundTruthOf(images, categories, annotations);
      const results = resultsOf(found);
      t.true(
        isDeepStrictEqual(
          await evaluateCocoOnCores(groundTruth, results),
          evaluateCoco(groundTruth, results),
        ),
      );
    }),
    {numRuns: 20},
  );
});

test.serial('Much work is shared with a worker thread, a little is not', async t => {
  // 24 images of 700 detections on 700 objects: 11.8 million overlaps.
  const images = Array.from({length: 24}, (_, i) => i);
  const boxes = images.flatMap(image =>
    Array.from({length: 700}, (_, i) => ({image, category: 1, box: [(i % 30) * 9, i, 10, 10] as Box})),
  );
  const groundTruth = groundTruthOf(
    images,
    [1],
    boxes.map((object, i) => ({...object, id: i + 1})),
  );
  const results = resultsOf(boxes.map((box, i) => ({...box, score: ((i * 7919) % 16_800) / 16_800})));
  const changes = {maxDetections: [700]};
  const started = countThreads();
  const onTwo = await evaluateCocoOnCores(groundTruth, results, changes, {cores: 2});
  const some = started();
  const small = crowdedScene([1]);
  await evaluateCocoOnCores(small.groundTruth, small.results, {}, {cores: 2});
  t.deepEqual([some, started() - some], [1, 0]);
  t.true(isDeepStrictEqual(onTwo, evaluateCoco(groundTruth, results, changes)));
});

/** Threads that this process has started since. */
function countThreads(): () => number {
  let count = 0;
  process.on('worker', () => {
    count++;
  });
  return () => count;
}

const program = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

/** Matches beside a thread that runs `code`. */
async function withThread(t: ExecutionContext, code: string, options: CoreOptions = {}): Promise<void> {
  const {groundTruth, results} = crowdedScene([1, 2]);
  const parameters = cocoParameters();
  const {groups, outcomes} = alone(groundTruth, results, parameters);
  const matched = await matchOnCores(
    groundTruth,
    results,
    parameters,
    groups,
    {cores: 2, ...options},
    {program: program(code), worthwhile: 0},
  );
  t.deepEqual(matched, outcomes);
}

let threads = 0;

/** As withThread, where the thread takes a chunk before the calling thread can take its second, and then runs `code`. */
async function withBusyThread(t: ExecutionContext, code: string, options: CoreOptions = {}): Promise<void> {
  const mark = join(folder, String(threads++));
  const claim =
    "import {writeFileSync} from 'node:fs'; import {workerData} from 'node:worker_threads';" +
    `Atomics.add(workerData.next, 0, 1); writeFileSync(${JSON.stringify(mark)}, '');`;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const onProgress = () => {
    while (!existsSync(mark)) Atomics.wait(sleeper, 0, 0, 5);
  };
  await withThread(t, claim + code, {onProgress, ...options});
}

test('An error in a thread comes through', async t => {
  await t.throwsAsync(withBusyThread(t, `throw new TypeError('no such column')`), {
    name: 'RunError',
    message: /^a thread of the evaluation failed: no such column; /,
  });
});

test('A thread that ends in the middle of its work is an error', async t => {
  await t.throwsAsync(withBusyThread(t, 'process.exit(3)'), {name: 'RunError', message: /exit code 3/});
  await t.throwsAsync(withBusyThread(t, ''), {name: 'RunError', message: /ended before its work was done/});
});

test('A thread that never begins is not waited for', async t => {
  await t.notThrowsAsync(withThread(t, 'setInterval(() => {}, 1000)'));
});

test('An abort stops a thread that has taken work and does not return', async t => {
  const controller = new AbortController();
  const matching = withBusyThread(t, 'for (;;);', {signal: controller.signal});
  setTimeout(() => controller.abort(new Error('enough')), 200);
  await t.throwsAsync(matching, {message: 'enough'});
});

test('An evaluation that is aborted before it begins starts nothing', async t => {
  const {groundTruth, results} = crowdedScene([1]);
  const signal = AbortSignal.abort(new Error('not today'));
  await t.throwsAsync(evaluateCocoOnCores(groundTruth, results, {}, {signal}), {message: 'not today'});
  await t.throwsAsync(evaluateCocoOnCores(groundTruth, results, {}, {cores: 0}), {
    name: 'UsageError',
    message: 'cores is 0; give a whole number above 0',
  });
});

test('An error of the progress callback comes through', async t => {
  for (const calls of [1, 2, 5]) {
    let left = calls;
    const onProgress = () => {
      if (--left === 0) throw new Error('no terminal');
    };
    const {groundTruth, results} = crowdedScene([1, 2, 3, 4]);
    const parameters = cocoParameters();
    const {groups} = alone(groundTruth, results, parameters);
    await t.throwsAsync(
      matchOnCores(groundTruth, results, parameters, groups, {cores: 2, onProgress}, ALWAYS),
      {
        message: 'no terminal',
      },
    );
  }
});
