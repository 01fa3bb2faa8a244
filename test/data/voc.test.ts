import {existsSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import sharp from 'sharp';
import {loadVoc, type VocOptions} from '../../src/data/voc.js';
import {parseVocAnnotation} from '../../src/data/voc-annotation.js';
import {VOC_CLASSES} from '../../src/data/voc-split.js';
import {RunError, UsageError} from '../../src/errors.js';
import {temporaryFolder} from '../temporary-folder.js';

type Box = readonly [
  xmin: number | string,
  ymin: number | string,
  xmax: number | string,
  ymax: number | string,
];

function objectXml(name: string, [xmin, ymin, xmax, ymax]: Box, difficult = 0): string {
  return `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`;
}

function xml(
  objects: string,
  size = '<size><width>100</width><height>80</height><depth>3</depth></size>',
): string {
  return `<?xml version="1.0"?>\n<annotation><filename>x.jpg</filename>${size}${objects}</annotation>\n`;
}

/** A data set of the given annotation files; the list `train` holds them all. */
async function voc(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await temporaryFolder(t);
  for (const folder of ['Annotations', 'JPEGImages', 'ImageSets/Main'])
    await mkdir(join(root, folder), {recursive: true});
  for (const [stem, text] of Object.entries(files))
    await writeFile(join(root, 'Annotations', `${stem}.xml`), text);
  await list(root, 'train', Object.keys(files));
  return root;
}

function list(root: string, split: string, lines: readonly string[]): Promise<void> {
  return writeFile(join(root, 'ImageSets', 'Main', `${split}.txt`), `${lines.join('\n')}\n`);
}

function load(root: string, options: Partial<VocOptions> = {}) {
  return loadVoc({root, split: 'train', difficult: 'train', name: 'test', ...options});
}

test('1-based inclusive pixels become continuous corners; difficult objects are ignored, not crowds', async t => {
  const root = await voc(t, {
    '000005': xml(objectXml('dog', [1, 1, 100, 80]) + objectXml('cat', ['45.5', 3, 48, 4], 1)),
    '000012': xml(''),
  });
  const dataset = await load(root);
  t.is(dataset.classNames, VOC_CLASSES);
  t.is(VOC_CLASSES.length, 20);
  t.deepEqual(
    dataset.categoryIds,
    Array.from({length: 20}, (_, i) => i + 1),
  );
  const [first, second] = dataset.images;
  t.deepEqual([first!.id, first!.fileName, first!.width, first!.height], [5, '000005.jpg', 100, 80]);
  t.is(first!.path, join(root, 'JPEGImages', '000005.jpg'));
  // [1, 1, 100, 80] covers the whole image; 45.5 .. 48 is [44.5, 48].
  t.deepEqual([...first!.groundTruth.boxes], [0, 0, 100, 80, 44.5, 2, 48, 4]);
  t.deepEqual([...first!.groundTruth.classes], [12, 8]);
  t.deepEqual([...first!.groundTruth.ignore], [0, 1]);
  t.deepEqual([...first!.groundTruth.crowd], [0, 0]);
  t.deepEqual([...first!.groundTruth.areas], [8000, 7]);
  t.deepEqual([...first!.groundTruth.ids], [1, 2]);
  t.is(first!.groundTruth.shapes, undefined);
  t.deepEqual([second!.id, second!.groundTruth.classes.length], [12, 0]);
  t.is(dataset.trainIgnored, true);
  const dropped = await load(root, {difficult: 'drop'});
  t.is(dropped.trainIgnored, false);
  t.deepEqual([...dropped.images[0]!.groundTruth.ignore], [0, 1], 'evaluation still has to ignore them');
});

test('classes are those given, else all names of all splits, sorted', async t => {
  const root = await voc(t, {
    b: xml(objectXml('zebra', [1, 1, 5, 5])),
    a: xml(objectXml('dog', [1, 1, 5, 5])),
    c: xml(objectXml('ant &amp; bee', [1, 1, 5, 5])),
  });
  await list(root, 'train', ['b']);
  const dataset = await load(root);
  t.deepEqual(dataset.classNames, ['ant & bee', 'dog', 'zebra']);
  t.deepEqual([...dataset.images[0]!.groundTruth.classes], [3]);
  const given = await load(root, {classes: ['zebra', 'dog']});
  t.deepEqual([...given.images[0]!.groundTruth.classes], [1]);
  await t.throwsAsync(load(root, {classes: ['dog']}), {
    instanceOf: RunError,
    message: `${join(root, 'Annotations', 'b.xml')}: unknown class "zebra"; the classes are dog`,
  });
});

test('a broken annotation outside the split is a notice, inside it an error', async t => {
  const root = await voc(t, {
    good: xml(objectXml('dog', [1, 1, 5, 5])),
    bad: '<annotation><object></annotation>',
  });
  await t.throwsAsync(load(root), {
    instanceOf: RunError,
    message: /Annotations\/bad\.xml:1: not valid XML: /,
  });
  await list(root, 'train', ['good']);
  const {notices} = await load(root);
  t.is(notices.length, 1);
  t.regex(notices[0]!.kind, /outside this split/);
});

test('ids are positions where names are no numbers or not different ones', async t => {
  const empty = xml(objectXml('dog', [1, 1, 5, 5]));
  t.deepEqual(
    (await load(await voc(t, {'2007_000027': empty, '000005': empty}))).images.map(({id}) => id),
    [1, 2],
  );
  const same = await voc(t, {'07': empty, '007': empty});
  t.deepEqual(
    (await load(same)).images.map(({id}) => id),
    [1, 2],
  );
  const numbers = await voc(t, {'000042': empty, '000007': empty});
  await list(numbers, 'train', ['000042', '000007']);
  t.deepEqual(
    (await load(numbers)).images.map(({id}) => id),
    [42, 7],
  );
});

test('lists may have Windows line ends, blank lines, a column of -1, 0 or 1, and names with spaces', async t => {
  const root = await voc(t, {'000001': xml(objectXml('dog', [1, 1, 5, 5])), 'scan two': xml('')});
  await writeFile(join(root, 'ImageSets', 'Main', 'dog_train.txt'), '000001  1\r\n\r\nscan two -1\r\n');
  const {images} = await load(root, {split: 'dog_train'});
  t.deepEqual(
    images.map(({fileName}) => fileName),
    ['000001.jpg', 'scan two.jpg'],
  );
});

test('boxes without area are left out; more than one in a hundred is an error', async t => {
  const good = objectXml('dog', [1, 1, 5, 5]);
  const dataset = await load(await voc(t, {a: xml(objectXml('dog', [9, 9, 9, 9]) + good)}));
  t.deepEqual([...dataset.images[0]!.groundTruth.boxes], [0, 0, 5, 5]);
  t.is(dataset.notices[0]!.kind, 'box without area left out');
  t.regex(dataset.notices[0]!.example, /a\.xml: object 1 \(dog\): 9, 9, 9, 9$/);
  const sizes = objectXml('dog', [50, 50, 20, 30]);
  await t.throwsAsync(load(await voc(t, {a: xml(good + sizes + sizes)})), {
    instanceOf: RunError,
    message: /: 2 of 3 boxes have no area, .*did you pass width and height as xmax and ymax\?$/,
  });
});

test('a size of 0 or none is taken from the image, upright', async t => {
  const root = await voc(t, {
    a: xml(objectXml('dog', [1, 1, 5, 5]), '<size><width>0</width><height>0</height></size>'),
    b: xml('', ''),
  });
  const pixels = sharp({create: {width: 30, height: 20, channels: 3, background: 'red'}}).jpeg();
  await pixels.toFile(join(root, 'JPEGImages', 'a.jpg'));
  // Orientation 6: stored lying on its side.
  await pixels.withMetadata({orientation: 6}).toFile(join(root, 'JPEGImages', 'b.jpg'));
  const {images, notices} = await load(root);
  t.deepEqual(
    images.map(({width, height}) => [width, height]),
    [
      [30, 20],
      [20, 30],
    ],
  );
  t.deepEqual(
    notices.map(({kind, count}) => [kind, count]),
    [['size not recorded: taken from the image', 2]],
  );
  await list(root, 'train', ['a', 'b', 'c']);
  await writeFile(join(root, 'Annotations', 'c.xml'), xml('', ''));
  await t.throwsAsync(load(root), {
    instanceOf: RunError,
    message: /c\.xml records no size, and image .*c\.jpg is missing/,
  });
});

test('an image may be a PNG, or have the name that the annotation gives', async t => {
  const root = await voc(t, {a: xml(objectXml('dog', [1, 1, 5, 5])), b: xml('')});
  for (const file of ['a.png', 'x.jpg']) await writeFile(join(root, 'JPEGImages', file), '');
  t.deepEqual(
    (await load(root)).images.map(({fileName}) => fileName),
    ['a.png', 'x.jpg'],
  );
});

test('a missing split, list entry or annotation is said in one line', async t => {
  const root = await voc(t, {a: xml('')});
  await t.throwsAsync(load(root, {split: 'val'}), {
    instanceOf: UsageError,
    message: `there is no file ${join(root, 'ImageSets', 'Main', 'val.txt')}; there are train`,
  });
  await list(root, 'train', ['a', 'b']);
  await t.throwsAsync(load(root), {
    instanceOf: RunError,
    message: /there is no annotation file .*b\.xml for "b" of the list$/,
  });
  await list(root, 'train', ['a', 'a']);
  await t.throwsAsync(load(root), {instanceOf: RunError, message: /train\.txt lists "a" twice$/});
  for (const name of ['a\0b', 'x'.repeat(300)]) {
    await list(root, 'train', [name]);
    await t.throwsAsync(load(root), {
      instanceOf: RunError,
      message: /train\.txt lists "[^\0]{1,70}, which is no name of a file$/,
    });
  }
  await list(root, 'train', []);
  await t.throwsAsync(load(root), {instanceOf: RunError, message: /train\.txt lists no images$/});
});

const refuses = test.macro({
  title: (given = '') => `${given} is refused in one line that names the file`,
  exec(t, text: string, message: RegExp) {
    const error = t.throws(() => parseVocAnnotation(text, 'a.xml'), {instanceOf: RunError});
    t.regex(error?.message ?? '', message);
    t.regex(error?.message ?? '', /^a\.xml[:]/);
    t.false(error?.message.includes('\n'));
  },
});

test('a file cut off', refuses, xml(objectXml('dog', [1, 1, 5, 5])).slice(0, -40), /not valid XML: /);
test('no XML', refuses, 'dog 1 1 5 5', /not valid XML: /);
test('another document', refuses, '<html><body/></html>', /there is no element <annotation>$/);
test('an object without name', refuses, xml('<object><bndbox/></object>'), /: object 1: it has no name$/);
test(
  'an object without box',
  refuses,
  xml('<object><name>dog</name></object>'),
  /: object 1 \("dog"\): it has no one bndbox$/,
);
test(
  'a corner that is text',
  refuses,
  xml(objectXml('dog', [1, 'two', 5, 5])),
  /: object 1 \("dog"\): bndbox: ymin: expected a number, found "two"$/,
);
test(
  'a corner that is empty',
  refuses,
  xml(objectXml('dog', [1, '', 5, 5])),
  /ymin: expected a number, found ""$/,
);
test(
  'a corner that is missing',
  refuses,
  xml(objectXml('dog', [1, 1, 5, 5]).replace('<xmax>5</xmax>', '')),
  /xmax: expected a number, it is missing$/,
);
test('an infinite corner', refuses, xml(objectXml('dog', [1, 1, '1e999', 5])), /xmax: expected a number/);
test(
  'a size that is text',
  refuses,
  xml('', '<size><width>big</width><height>1</height></size>'),
  /: size: width: expected a number, found "big"$/,
);
test(
  'a document that declares entities',
  refuses,
  `<!DOCTYPE a [<!ENTITY b "${'x'.repeat(99)}">]><annotation><filename>&b;&b;</filename></annotation>`,
  /declares a document type/,
);
test(
  'nesting without end',
  refuses,
  `<annotation>${'<part>'.repeat(5000)}${'</part>'.repeat(5000)}</annotation>`,
  /not valid XML: /,
);

test(
  'an element named __proto__',
  refuses,
  xml('<__proto__><objects>1</objects></__proto__>'),
  /not valid XML: /,
);

const data = process.env.SF_TEST_DATA;

test('BCCD loads: 255 and 54 images, one box without area in either list', async t => {
  if (data === undefined || !existsSync(join(data, 'bccd'))) {
    t.log('skipped: SF_TEST_DATA is not set');
    t.pass();
    return;
  }
  const root = join(data, 'bccd');
  const train = await load(root, {difficult: 'drop'});
  const val = await load(root, {split: 'val'});
  const objects = (dataset: typeof train) =>
    dataset.images.reduce((sum, {groundTruth}) => sum + groundTruth.ids.length, 0);
  t.deepEqual([train.images.length, val.images.length], [255, 54]);
  // 4159 objects are annotated.
  t.is(objects(train) + objects(val), 4157);
  t.deepEqual(train.classNames, ['Platelets', 'RBC', 'WBC']);
  t.deepEqual(val.classNames, train.classNames);
  t.regex(train.notices[0]!.example, /BloodImage_00338\.xml: object 13 \(RBC\): 504, 337, 504, 337$/);
  t.regex(val.notices[0]!.example, /BloodImage_00343\.xml: object 4 \(RBC\): 181, 329, 181, 329$/);
  t.deepEqual([train.notices.length, val.notices.length], [1, 1]);
});
