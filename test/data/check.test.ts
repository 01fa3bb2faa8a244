import {readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import {checkDataset} from '../../src/data/check.js';
import type {Dataset, GroundTruth, ImageRecord} from '../../src/data/dataset.js';
import {formatReport} from '../../src/data/stats-text.js';
import {temporaryFolder} from '../temporary-folder.js';

function objects(
  boxes: readonly (readonly number[])[],
  classes = boxes.map(() => 1),
  firstId = 1,
): GroundTruth {
  return {
    boxes: Float64Array.from(boxes.flat()),
    classes: Int32Array.from(classes),
    ignore: new Uint8Array(boxes.length),
    crowd: new Uint8Array(boxes.length),
    areas: new Float64Array(boxes.length),
    ids: Float64Array.from(boxes, (_, i) => firstId + i),
  };
}

function record(id: number, path: string, groundTruth: GroundTruth, width = 40, height = 30): ImageRecord {
  return {id, fileName: path.split('/').at(-1)!, path, width, height, groundTruth};
}

function dataset(images: readonly ImageRecord[]): Dataset {
  return {name: 'test', classNames: ['cat', 'dog'], categoryIds: [1, 2], images, notices: []};
}

/** Noise, so that a JPEG has bytes to lose. */
async function writeJpeg(path: string, orientation?: number): Promise<void> {
  const noise = Buffer.from(Array.from({length: 40 * 30 * 3}, (_, i) => (i * 7919) % 251));
  const image = sharp(noise, {raw: {width: 40, height: 30, channels: 3}}).jpeg({quality: 95});
  await (orientation === undefined ? image : image.withMetadata({orientation})).toFile(path);
}

test('a sound data set has no findings, also where EXIF turns an image to its recorded size', async t => {
  const folder = await temporaryFolder(t);
  const [plain, turned] = [join(folder, 'plain.jpg'), join(folder, 'turned.jpg')];
  await writeJpeg(plain);
  await writeJpeg(turned, 6);
  const progress: number[] = [];
  const report = await checkDataset(
    dataset([
      record(
        1,
        plain,
        objects(
          [
            [0, 0, 40, 30],
            [1, 2, 3, 4],
          ],
          [1, 2],
        ),
      ),
      record(2, turned, objects([], [], 9), 30, 40),
    ]),
    {onProgress: (done, total) => progress.push(done / total)},
  );
  t.deepEqual(report, {name: 'test', images: 2, objects: 2, findings: [], errors: 0, warnings: 0});
  t.deepEqual(progress, [0.5, 1]);
  t.is(formatReport(report), 'test: 2 images, 2 objects: 0 errors, 0 warnings\n');
});

test('broken, truncated and missing files and wrong sizes are found, and no file is changed', async t => {
  const folder = await temporaryFolder(t);
  const path = (name: string) => join(folder, name);
  await writeJpeg(path('whole.jpg'));
  await writeJpeg(path('turned.jpg'), 6);
  const whole = await readFile(path('whole.jpg'));
  const cut = whole.subarray(0, Math.floor(whole.length * 0.6));
  await writeFile(path('cut.jpg'), cut);
  await writeFile(path('text.jpg'), 'no image at all');
  await rm(path('gone.jpg'), {force: true});
  const names = ['cut.jpg', 'text.jpg', 'gone.jpg', 'turned.jpg'];
  const images = names.map((name, i) =>
    record(i + 1, path(name), objects([[1, 1, 9, 9]], [1 + (i % 2)], 10 + i)),
  );
  const report = await checkDataset(
    dataset([...images, record(5, path('whole.jpg'), objects([], []), 41, 30)]),
  );
  t.deepEqual(
    report.findings.map(({severity, kind, count}) => [severity, kind, count]),
    [
      ['error', 'image that cannot be decoded', 2],
      ['error', 'image of another size than recorded', 2],
      ['error', 'image file missing', 1],
    ],
  );
  t.deepEqual([report.errors, report.warnings], [5, 0]);
  const [undecodable, sizes, missing] = report.findings.map(({examples}) => examples);
  t.regex(undecodable![0]!, /cut\.jpg: .*premature end/i);
  t.regex(undecodable![1]!, /text\.jpg/);
  t.regex(
    sizes![0]!,
    /turned\.jpg: 30x40 upright \(EXIF orientation 6; the annotations were made without it\), recorded 40x30$/,
  );
  t.regex(sizes![1]!, /whole\.jpg: 40x30, recorded 41x30$/);
  t.deepEqual(missing, [path('gone.jpg')]);
  t.deepEqual(await readFile(path('cut.jpg')), cut);
});

test('bad boxes, classes, ids and names are found', async t => {
  const path = join(await temporaryFolder(t), 'a.jpg');
  await writeJpeg(path);
  const boxes = [
    [0, 0, 41, 30], // over the border by one pixel: fine
    [0, 0, 42, 30],
    [40, 0, 50, 10],
    [5, 5, 5, 9],
    [Number.NaN, 0, 1, 1],
    [1, 1, 2, 2],
    [1, 1, 2, 2],
  ];
  const report = await checkDataset({
    ...dataset([
      record(1, path, objects(boxes, [1, 1, 1, 1, 1, 1, 1])),
      record(1, path, objects([[1, 1, 2, 2]], [3], 7)),
    ]),
    notices: [{kind: 'something left out', count: 30, example: 'this one'}],
  });
  t.deepEqual(
    report.findings.map(({severity, kind, count, examples}) => [severity, kind, count, examples[0]]),
    [
      ['error', 'box without area', 2, 'object 4 of a.jpg: [5, 5, 5, 9] in 40x30'],
      ['error', 'image id used twice', 1, 'image 1'],
      ['error', 'object id used twice', 1, 'object 7 of image 1'],
      ['error', 'box entirely outside its image', 1, 'object 3 of a.jpg: [40, 0, 50, 10] in 40x30'],
      ['error', 'unknown class', 1, 'object 7 of a.jpg: class 3'],
      ['warning', 'something left out', 30, 'this one'],
      ['warning', 'file of more than one image', 1, 'images 1 and 1: a.jpg'],
      [
        'warning',
        'box more than 1 pixel over the border of its image',
        1,
        'object 2 of a.jpg: [0, 0, 42, 30] in 40x30',
      ],
      ['warning', 'object annotated twice: same class and box', 1, 'object 7 of a.jpg'],
      ['warning', 'class without objects', 1, 'dog'],
    ],
  );
  t.deepEqual([report.errors, report.warnings], [6, 34]);
  const text = formatReport(report);
  t.regex(
    text,
    /^test: 2 images, 8 objects: 6 errors, 34 warnings\nerror: box without area: 2\n {4}object 4 of a\.jpg/,
  );
  t.regex(text, /warning: something left out: 30\n {4}this one\n {4}\.\.\. and 29 more\n/);
});

test('twenty examples of a kind are listed, all are counted', async t => {
  const path = join(await temporaryFolder(t), 'a.jpg');
  await writeJpeg(path);
  const boxes = Array.from({length: 50}, (_, i) => [i, 0, i, 1]);
  const {findings} = await checkDataset(dataset([record(1, path, objects(boxes))]));
  t.deepEqual([findings[0]!.count, findings[0]!.examples.length], [50, 20]);
});
