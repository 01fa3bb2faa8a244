import {mkdir, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {openDataset, parseDataFlag} from '../../src/data/open.js';
import {UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

/** A folder of empty files; names that end in / are folders. */
async function folderOf(t: ExecutionContext, names: readonly string[]): Promise<string> {
  const root = await temporaryFolder(t);
  for (const name of names) {
    await mkdir(join(root, name.endsWith('/') ? name : dirname(name)), {recursive: true});
    if (!name.endsWith('/')) await writeFile(join(root, name), '');
  }
  return root;
}

const finds = test.macro({
  title: (given = '') => `--data coco:DIR finds ${given}`,
  async exec(
    t,
    names: readonly string[],
    expected: readonly (readonly [annotations: string, images: string])[],
  ) {
    const root = await folderOf(t, names);
    const [train, val] = expected.map(([annotations, images]) => ({
      kind: 'coco' as const,
      annotations: join(root, annotations),
      images: join(root, images),
    }));
    t.deepEqual(parseDataFlag(`coco:${root}`), {train: train!, val: val ?? train!});
  },
});

test(
  'the official layout',
  finds,
  [
    'annotations/instances_train2017.json',
    'annotations/instances_val2017.json',
    'train2017/',
    'val2017/',
    'images/',
  ],
  [
    ['annotations/instances_train2017.json', 'train2017'],
    ['annotations/instances_val2017.json', 'val2017'],
  ],
);
test(
  'splits named train and val with images in one folder',
  finds,
  ['annotations/instances_train.json', 'annotations/instances_val.json', 'images/'],
  [
    ['annotations/instances_train.json', 'images'],
    ['annotations/instances_val.json', 'images'],
  ],
);
test(
  'images in folders of their own below images',
  finds,
  ['annotations/instances_train.json', 'annotations/instances_val.json', 'images/train/', 'images/val/'],
  [
    ['annotations/instances_train.json', 'images/train'],
    ['annotations/instances_val.json', 'images/val'],
  ],
);
test(
  'an export with the annotations beside the images',
  finds,
  ['train/_annotations.coco.json', 'valid/_annotations.coco.json'],
  [
    ['train/_annotations.coco.json', 'train'],
    ['valid/_annotations.coco.json', 'valid'],
  ],
);
test(
  'one file for both where there is but one',
  finds,
  ['annotations/instances.json', 'images/'],
  [['annotations/instances.json', 'images']],
);
test(
  'only val, and names the train files that would stand beside it',
  finds,
  ['annotations/instances_val2017.json', 'val2017/'],
  [
    ['annotations/instances_train2017.json', 'train2017'],
    ['annotations/instances_val2017.json', 'val2017'],
  ],
);

test('--data voc:DIR takes trainval and test where both are there, else train and val', async t => {
  const lists = async (...splits: readonly string[]) => {
    const root = await folderOf(
      t,
      splits.map(split => `ImageSets/Main/${split}.txt`),
    );
    const {train, val} = parseDataFlag(`voc:${root}`);
    t.deepEqual(train, {
      kind: 'voc',
      root,
      split: train.kind === 'voc' ? train.split : '',
      difficult: 'drop',
    });
    return [train, val].map(config => (config.kind === 'voc' ? config.split : ''));
  };
  t.deepEqual(await lists('train', 'val', 'trainval', 'test'), ['trainval', 'test']);
  t.deepEqual(await lists('train', 'val', 'trainval'), ['train', 'val']);
  t.deepEqual(await lists('train', 'test'), ['train', 'test']);
  t.deepEqual(await lists('val'), ['train', 'val'], 'what is missing is said when it is opened');
});

test('--data shapes is the generated data set of the mini preset', t => {
  const {train, val} = parseDataFlag('shapes');
  t.like(train, {kind: 'shapes', split: 'train', size: 160, classes: 8});
  t.like(val, {kind: 'shapes', split: 'val'});
});

test('--data FILE.yaml reads two data-set configs, with paths from its own folder', async t => {
  const root = await temporaryFolder(t);
  const file = join(root, 'cells.yaml');
  await writeFile(
    file,
    'train: {kind: coco, annotations: a/t.json, images: /all/images}\nval: {kind: voc, root: b, split: val, difficult: train}\n',
  );
  t.deepEqual(parseDataFlag(file), {
    train: {kind: 'coco', annotations: join(root, 'a', 't.json'), images: '/all/images'},
    val: {kind: 'voc', root: join(root, 'b'), split: 'val', difficult: 'train'},
  });
  await writeFile(file, 'train: {kind: coco, anotations: x, images: y}\nval: {kind: shapes}\n');
  t.throws(() => parseDataFlag(file), {
    instanceOf: UsageError,
    message: /^unknown key train\.anotations in .*cells\.yaml:1; did you mean annotations\?/,
  });
});

test('what --data cannot mean is said in one line', async t => {
  const root = await folderOf(t, ['nothing.txt']);
  const message = (flag: string) =>
    t.throws(() => parseDataFlag(flag), {instanceOf: UsageError})?.message ?? '';
  t.is(message('cocoo:x'), '--data cocoo:x: there is no kind cocoo; did you mean coco?');
  t.is(message('darknet:x'), '--data darknet:x: there is no kind darknet; valid: coco, voc, shapes');
  t.regex(message('coco:/no/where'), /^--data coco:\/no\/where: there is no folder \/no\/where$/);
  t.regex(message(root), /that is a folder, of which kind\?; expected coco:DIR/);
  t.regex(message('none.yaml'), /there is no such file; expected /);
  t.regex(message('coco:'), /expected coco:DIR/);
  t.regex(message(''), /expected coco:DIR/);
  t.regex(message(`coco:${root}`), /holds no COCO data set: looked for annotations\/instances_\{train2017,/);
  t.regex(message(`voc:${root}`), /holds no PASCAL VOC data set: looked for ImageSets\/Main\//);
});

test('openDataset reads each kind, names it by its split, and takes relative paths from the data root', async t => {
  const dataRoot = await folderOf(t, ['set/images/', 'voc/ImageSets/Main/val.txt', 'voc/Annotations/']);
  const cacheDir = join(dataRoot, 'cache');
  const instances = {
    images: [{id: 1, file_name: 'a.jpg', width: 9, height: 9}],
    annotations: [],
    categories: [{id: 1, name: 'a'}],
  };
  for (const file of ['instances_val2017.json', 'instances.json'])
    await writeFile(join(dataRoot, 'set', file), JSON.stringify(instances));
  const coco = (annotations: string) =>
    openDataset({kind: 'coco', annotations, images: 'set/images'}, {cacheDir, dataRoot});
  const official = await coco('set/instances_val2017.json');
  t.is(official.name, 'coco:val2017');
  t.is(official.images[0]!.path, join(dataRoot, 'set', 'images', 'a.jpg'));
  t.is((await coco('set/instances.json')).name, 'coco:set');
  await t.throwsAsync(coco('none.json'), {
    instanceOf: UsageError,
    message: `there is no file ${join(dataRoot, 'none.json')}`,
  });

  await writeFile(join(dataRoot, 'voc/ImageSets/Main/val.txt'), 'a\n');
  await writeFile(
    join(dataRoot, 'voc/Annotations/a.xml'),
    '<annotation><size><width>9</width><height>9</height></size></annotation>',
  );
  const voc = {kind: 'voc', root: 'voc', split: 'val', difficult: 'drop'} as const;
  t.is((await openDataset({...voc, classes: ['cell']}, {cacheDir, dataRoot})).name, 'voc:voc/val');
  await t.throwsAsync(openDataset({...voc, root: 'nowhere'}, {cacheDir, dataRoot}), {
    instanceOf: UsageError,
    message: /^there is no folder .*nowhere, which should hold the PASCAL VOC data set; /,
  });

  const shapes = {kind: 'shapes', split: 'val', images: 2, size: 64, classes: 3, seed: 5} as const;
  const made = await openDataset(shapes, {cacheDir});
  t.deepEqual([made.images.length, made.classNames.length], [2, 3]);
});
