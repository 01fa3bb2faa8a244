// Training, evaluation, prediction and tables through the built command, at a size of seconds.
import {existsSync} from 'node:fs';
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import sharp from 'sharp';
import {temporaryFolder} from '../temporary-folder.js';
import {runSf, startSf} from './run-sf.js';

/** One cache for all tests of this file, so that the shapes are made once. */
const cache = join(process.cwd(), 'node_modules', '.cache', 'sf-test');
const env = {...process.env, SF_CACHE: cache, SF_ENGINE: 'wasm'};

const smoke = ['smoke/retinanet', '--set', 'schedule.iterations=6', '--set', 'schedule.checkpointEvery=2'];

async function trained(t: ExecutionContext): Promise<string> {
  const out = join(await temporaryFolder(t), 'run');
  const {code, stderr} = await runSf({env}, 'train', ...smoke, '--out', out);
  t.is(code, 0, stderr);
  return out;
}

type Line = {
  readonly iteration: number;
  readonly total: number;
  readonly gradNorm: number;
  readonly lr: number;
};

async function curve(run: string): Promise<readonly Line[]> {
  const text = await readFile(join(run, 'metrics.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line): Line => JSON.parse(line))
    .map(({iteration, total, gradNorm, lr}) => ({iteration, total, gradNorm, lr}));
}

test.serial('a run leaves its config, curve, checkpoints, detections and figures', async t => {
  const out = await trained(t);
  const files = await readdir(out);
  for (const name of [
    'config.yaml',
    'environment.json',
    'metrics.jsonl',
    'result.json',
    'eval.json',
    'detections.json',
  ]) {
    t.true(files.includes(name), `${name} is missing among ${files.join(', ')}`);
  }
  const {stats, perCategory} = JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'));
  t.is(Object.keys(stats).length, 12);
  t.is(perCategory.length, 3);
  t.is((await curve(out)).length, 6);
  const result = JSON.parse(await readFile(join(out, 'result.json'), 'utf8'));
  t.is(result.status, 'finished');
  t.is(result.engine, 'wasm');

  await t.notThrowsAsync(async () => {
    const again = await runSf({env}, 'train', ...smoke, '--out', out);
    t.is(again.code, 2);
    t.regex(again.stderr, /holds a run already; continue it with --resume or choose another --out folder/);
  });

  const json = await runSf({env}, 'eval', out, '--json', '-');
  t.is(json.code, 0, json.stderr);
  t.deepEqual(JSON.parse(json.stdout).stats, stats, 'sf eval repeats the figures of the run');

  const other = await runSf({env}, 'eval', out, '--set', 'model.head.channels=16');
  t.is(other.code, 2);
  t.regex(
    other.stderr,
    /does not fit this model: head\.class_tower\.0\.weight is \[3, 3, 32, 32\] and should be \[3, 3, 32, 16\]/,
  );
});

test.serial(
  'a run that is killed goes on from its last checkpoint, with the curve of an undisturbed run',
  async t => {
    const whole = await trained(t);
    const out = join(await temporaryFolder(t), 'killed');
    const running = startSf({env}, 'train', ...smoke, '--out', out);
    const checkpoint = join(out, 'checkpoints', 'iteration-000002.safetensors');
    while (!existsSync(checkpoint) && running.child.exitCode === null) {
      await new Promise(done => setTimeout(done, 5));
    }
    running.child.kill('SIGKILL');
    t.is((await running.ended).signal, 'SIGKILL');
    const resumed = await runSf({env}, 'train', '--resume', '--out', out);
    t.is(resumed.code, 0, resumed.stderr);
    t.deepEqual(await curve(out), await curve(whole));
    const stats = async (run: string) => JSON.parse(await readFile(join(run, 'eval.json'), 'utf8')).stats;
    t.deepEqual(await stats(out), await stats(whole));
  },
);

test.serial('Ctrl-C finishes the step, saves, and exits with 130; --resume goes on', async t => {
  const out = join(await temporaryFolder(t), 'interrupted');
  const running = startSf({env}, 'train', ...smoke, '--set', 'schedule.iterations=100000', '--out', out);
  while (!existsSync(join(out, 'checkpoints'))) await new Promise(done => setTimeout(done, 20));
  running.child.kill('SIGINT');
  const {code, stderr} = await running.ended;
  t.is(code, 130, stderr);
  t.regex(stderr, /interrupted after \d+ iterations .*; continue with: sf train --resume --out /);
  const {status, iterations} = JSON.parse(await readFile(join(out, 'result.json'), 'utf8'));
  t.is(status, 'interrupted');
  t.true(
    existsSync(join(out, 'checkpoints', `iteration-${String(iterations).padStart(6, '0')}.safetensors`)),
  );
});

test.serial('a diverging run is a result: exit code 0, status and iteration recorded', async t => {
  const out = join(await temporaryFolder(t), 'diverged');
  const {code, stderr} = await runSf({env}, 'train', ...smoke, '--set', 'schedule.baseLr=1e12', '--out', out);
  t.is(code, 0, stderr);
  t.regex(stderr, /diverged \(a result, not an error\): /);
  const result = JSON.parse(await readFile(join(out, 'result.json'), 'utf8'));
  t.is(result.status, 'diverged');
  t.true(result.divergence.iteration >= 1);
});

test.serial('predict draws what it can, names the broken image, and exits with 1', async t => {
  const run = await trained(t);
  const folder = await temporaryFolder(t);
  const good = join(folder, 'good.jpg');
  const broken = join(folder, 'broken.jpg');
  const jpeg = await sharp({create: {width: 90, height: 60, channels: 3, background: '#789'}})
    .jpeg()
    .toBuffer();
  await writeFile(good, jpeg);
  await writeFile(broken, jpeg.subarray(0, jpeg.length / 2));
  const out = join(folder, 'out');
  const {code, stderr} = await runSf(
    {env},
    'predict',
    run,
    broken,
    good,
    join(folder, 'none.png'),
    '--out',
    out,
  );
  t.is(code, 1);
  t.regex(stderr, /sf: .*broken\.jpg/);
  t.regex(stderr, /none\.png/);
  // A small image is drawn at four times its size.
  const drawn = await sharp(join(out, 'good.png')).metadata();
  t.deepEqual([drawn.width, drawn.height], [360, 240]);
  const records = JSON.parse(await readFile(join(out, 'detections.json'), 'utf8'));
  t.is(records.length, 1);
});

test.serial('Sampling-Free FoveaBox counts its points, trains, evaluates and predicts', async t => {
  const out = join(await temporaryFolder(t), 'run');
  const fovea = ['foveabox_R_50_FPN_1x_sampling-free', '--preset', 'smoke', '--set', 'schedule.iterations=7'];
  const {code, stderr} = await runSf({env}, 'train', ...fovea, '--out', out);
  t.is(code, 0, stderr);
  // 96 x 96: 144 + 36 + 9 + 4 + 1 points of 16 images.
  t.regex(stderr, /dense: N \/ N_f = 3104 \/ \d+ = /);
  t.true((await curve(out)).every(({total}) => Number.isFinite(total) && total > 0));
  const {stats} = JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'));
  const json = await runSf({env}, 'eval', out, '--json', '-');
  t.is(json.code, 0, json.stderr);
  t.deepEqual(JSON.parse(json.stdout).stats, stats, 'the checkpoint holds N and N_f for the threshold');
  const image = join(dirname(out), 'image.png');
  await sharp({create: {width: 90, height: 60, channels: 3, background: '#789'}})
    .png()
    .toFile(image);
  const predicted = await runSf({env}, 'predict', out, image, '--out', join(out, 'predicted'));
  t.is(predicted.code, 0, predicted.stderr);
  t.true(existsSync(join(out, 'predicted', 'image.png')));
});

test.serial('Sampling-Free YOLOv3 counts its predictions, trains, evaluates and resumes', async t => {
  const out = join(await temporaryFolder(t), 'run');
  const yolo = ['yolov3_darknet53_sampling-free', '--preset', 'smoke'];
  const {code, stderr} = await runSf({env}, 'train', ...yolo, '--out', out);
  t.is(code, 0, stderr);
  // 96 x 96, one anchor a level: 144 + 36 + 9 predictions of 16 images.
  t.regex(stderr, /dense: N \/ N_f = 3024 \/ \d+ = /);
  const totals = (await curve(out)).map(({total}) => total);
  t.true(totals.every(total => Number.isFinite(total) && total > 0));
  const {stats} = JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'));
  const json = await runSf({env}, 'eval', out, '--json', '-');
  t.is(json.code, 0, json.stderr);
  t.deepEqual(JSON.parse(json.stdout).stats, stats, 'the checkpoint holds the running averages, N and N_f');
});

test.serial('predict draws the parts that are asked for, and refuses those it cannot', async t => {
  const run = await trained(t);
  const folder = await temporaryFolder(t);
  const image = join(folder, 'plain.png');
  const plain = sharp({create: {width: 90, height: 60, channels: 3, background: '#789'}});
  await plain.png().toFile(image);
  const predict = (out: string, parts: string) =>
    runSf({env}, 'predict', run, image, '--out', join(folder, out), '--draw', parts);
  const boxes = await predict('boxes', 'boxes, labels');
  t.is(boxes.code, 0, boxes.stderr);
  t.true(existsSync(join(folder, 'boxes', 'plain.png')));

  const unknown = await predict('none', 'boxes,label');
  t.is(unknown.code, 2);
  t.is(unknown.stderr, 'sf: --draw is label; expected one of boxes, masks, labels; did you mean labels?\n');
  const masks = await predict('none', 'masks');
  t.is(masks.code, 2);
  t.regex(masks.stderr, /sf: --draw names masks, and the retinanet of .* finds none\n$/);
  t.false(existsSync(join(folder, 'none')));
});

test.serial('predict replaces no image that it is given, and no drawing by another one', async t => {
  const run = await trained(t);
  const folder = await temporaryFolder(t);
  const gray = sharp({create: {width: 90, height: 60, channels: 3, background: '#789'}});
  for (const path of ['n1/a.jpg', 'n2/a.png', 'n2/a-2.png']) {
    await mkdir(dirname(join(folder, path)), {recursive: true});
    await gray.toFile(join(folder, path));
  }
  const before = await readFile(join(folder, 'n2/a.png'));
  const images = ['n1/a.jpg', 'n2/a.png', 'n2/a-2.png'];
  const refused = await runSf({env, cwd: folder}, 'predict', run, ...images, '--out', './n1/../n2');
  t.is(refused.code, 2);
  t.regex(refused.stderr, /n2\/a\.png would replace an image that is given; choose another --out folder/);
  t.deepEqual(await readFile(join(folder, 'n2/a.png')), before);
  t.deepEqual((await readdir(join(folder, 'n2'))).sort(), ['a-2.png', 'a.png']);

  const {code, stderr} = await runSf({env, cwd: folder}, 'predict', run, ...images, '--out', 'out');
  t.is(code, 0, stderr);
  const drawings = ['a-2-2.png', 'a-2.png', 'a.png'];
  t.deepEqual((await readdir(join(folder, 'out'))).sort(), [...drawings, 'detections.json']);
});

test.serial('a run starts from the weights of another one, and says what it took', async t => {
  const run = await trained(t);
  const folder = await temporaryFolder(t);
  const next = join(folder, 'next');
  const from = async (weights: string, ...args: readonly string[]) =>
    await runSf({env}, 'train', ...smoke, '--out', next, '--weights', weights, ...args);
  const none = await from(join(folder, 'none.weights'));
  t.is(none.code, 2);
  t.regex(none.stderr, /there are no weights at .*none\.weights; check the path/);
  const {code, stderr} = await from(run, '--set', 'schedule.iterations=1');
  t.is(code, 0, stderr);
  t.regex(
    stderr,
    /note: weights of .*iteration-000006\.safetensors \(iteration 6\): (\d+) of \1 parameters\n/,
  );
  t.regex(await readFile(join(next, 'config.yaml'), 'utf8'), /^weights: .*\/run .*--weights/m);
  // One step on from six: a lower loss than that of the run's own first step.
  t.true((await curve(next))[0]!.total < (await curve(run))[0]!.total);
});

test.serial('a run of other classes is not continued', async t => {
  const out = await trained(t);
  const other = ['--set', 'data.train.classes=2', '--set', 'data.val.classes=2', '--force'];
  const {code, stderr} = await runSf({env}, 'train', '--resume', '--out', out, ...other);
  t.is(code, 2);
  t.regex(stderr, /was trained on the classes .* \(id 3\), and .* has .* \(id 2\); resume with the data/);
});

test.serial('reproduce fills the table once, keeps it, and continues after an interrupt', async t => {
  const out = join(await temporaryFolder(t), 'table');
  const args = [
    'reproduce',
    'table-3',
    '--preset',
    'smoke',
    '--out',
    out,
    '--rows',
    'without-adaptive-threshold,sampling-free',
  ];
  const plan = await runSf({env}, ...args, '--dry-run');
  t.is(plan.code, 0, plan.stderr);
  t.regex(plan.stdout, /without-adaptive-threshold\/seed-0: 8 iterations of 4 images, about \d+s/);
  t.regex(plan.stdout, /sampling-free\/seed-0: weights of without-adaptive-threshold\/seed-0/);
  t.false(existsSync(out), 'a dry run writes nothing');

  const first = await runSf({env}, ...args, '--json', '-');
  t.is(first.code, 0, first.stderr);
  const table = JSON.parse(first.stdout);
  t.deepEqual(
    table.rows.map((row: {readonly id: string}) => row.id),
    ['without-adaptive-threshold', 'sampling-free'],
  );
  const started = performance.now();
  const second = await runSf({env}, ...args);
  t.is(second.code, 0, second.stderr);
  t.true(performance.now() - started < 10_000, 'finished rows are not run again');
  t.regex(second.stdout, /paper +36\.8 +54\.9/);
  t.regex(second.stdout, /preset smoke, seed 0, engine wasm/);
});

test.serial('ablate runs the product of the given values as one table', async t => {
  const out = join(await temporaryFolder(t), 'ablation');
  const args = ['ablate', 'smoke/retinanet', '--vary', 'lossScaling=none,constant:0.1', '--out', out];
  const {code, stdout, stderr} = await runSf({env}, ...args);
  t.is(code, 0, stderr);
  t.regex(stdout, /^lossScaling=none /m);
  t.regex(stdout, /^lossScaling=constant:0\.1 /m);
  const wrong = await runSf({env}, 'ablate', 'smoke/retinanet', '--vary', 'lossScaling=gided', '--out', out);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /lossScaling has no kind gided; did you mean guided\?/);
});

test.serial('an unknown table or row is refused with the nearest name', async t => {
  t.regex((await runSf({env}, 'reproduce', 'tabel-3')).stderr, /did you mean table-3\?/);
  const {code, stderr} = await runSf({env}, 'reproduce', 'table-3', '--rows', 'sampling-fre');
  t.is(code, 2);
  t.regex(stderr, /table-3 has no row sampling-fre; did you mean sampling-free\?/);
});

test.before(async () => {
  await mkdir(cache, {recursive: true});
});
