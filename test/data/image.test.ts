import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import type {ImageRecord} from '../../src/data/dataset.js';
import {decodeFile, decodeImage, resizePixels} from '../../src/data/image.js';

const folder = await mkdtemp(join(tmpdir(), 'sf-image-'));
test.after.always(() => rm(folder, {recursive: true}));

async function file(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** Every row 0, 30, 60 ... in all channels. */
const ramp = (width: number, height: number) =>
  Uint8Array.from({length: width * height * 3}, (_, i) => (Math.floor(i / 3) % width) * 30);
const redRow = (data: Uint8Array, width: number) => Array.from({length: width}, (_, x) => data[x * 3]);

/** 6x4, columns 0-2 of colour (200, 100, 50), the rest black. */
const half = sharp(
  Uint8Array.from({length: 72}, (_, i) => (Math.floor(i / 3) % 6 < 3 ? [200, 100, 50][i % 3]! : 0)),
  {raw: {width: 6, height: 4, channels: 3}},
);

function record(path: string, width: number, height: number): ImageRecord {
  const none = new Float64Array();
  const groundTruth = {
    boxes: none,
    classes: new Int32Array(),
    ignore: new Uint8Array(),
    crowd: new Uint8Array(),
    areas: none,
    ids: none,
  };
  return {id: 1, fileName: path, path, width, height, groundTruth};
}

test('enlarging interpolates between pixel centres, as PIL does', async t => {
  const {data, width, height} = await resizePixels(
    {data: ramp(8, 4), width: 8, height: 4},
    {width: 16, height: 8},
  );
  t.deepEqual([width, height, data.length], [16, 8, 16 * 8 * 3]);
  // Output x samples (x + 0.5) / 2 - 0.5: 0 (edge continued), 0.25, 0.75, 1.25 ... times 30, halves up; PIL 12.3 gives the same.
  const expected = [0, 8, 23, 38, 53, 68, 83, 98, 113, 128, 143, 158, 173, 188, 203, 210];
  for (const row of [0, 3, 7]) t.deepEqual(redRow(data.subarray(row * 48), 16), expected);
});

test('shrinking averages with a triangle as wide as the scale, as PIL does', async t => {
  const {data} = await resizePixels({data: ramp(8, 4), width: 8, height: 4}, {width: 4, height: 2});
  // Output 1 is centred at 3; source centres 1.5, 2.5, 3.5, 4.5 weigh 1, 3, 3, 1 eighths: (30 + 180 + 270 + 120) / 8.
  // Output 0 at 1 sees -0.5, 0.5, 1.5, 2.5, the first of them the continued edge: (0 + 0 + 90 + 60) / 8 = 18.75. PIL
  // leaves it out instead (21.4): at edges, and only there, libvips differs.
  const row = redRow(data, 4).map(value => value!);
  [18.75, 75, 135, 191.25].forEach((expected, x) => {
    t.true(Math.abs(row[x]! - expected) <= 1, `${x}: ${row[x]} is not ${expected}`);
  });
});

test('one axis may shrink while the other grows, and a single pixel may grow', async t => {
  const mixed = await resizePixels({data: ramp(8, 4), width: 8, height: 4}, {width: 4, height: 9});
  t.is(mixed.data.length, 4 * 9 * 3);
  const single = await resizePixels(
    {data: Uint8Array.of(9, 8, 7), width: 1, height: 1},
    {width: 5, height: 3},
  );
  t.deepEqual([...single.data], Array.from({length: 15}, () => [9, 8, 7]).flat());
});

test('grey, 16-bit, palette, alpha and CMYK files become 8-bit RGB', async t => {
  const grey = sharp(await half.clone().png().toBuffer()).greyscale();
  const files = {
    'grey.png': await grey.clone().toColourspace('b-w').png().toBuffer(),
    'grey16.png': await grey.clone().toColourspace('grey16').png().toBuffer(),
    'rgb16.png': await half.clone().toColourspace('rgb16').png().toBuffer(),
    'palette.png': await half.clone().png({palette: true}).toBuffer(),
    'alpha.webp': await half.clone().ensureAlpha(0.1).webp({lossless: true, exact: true}).toBuffer(),
    'cmyk.jpg': await half.clone().toColourspace('cmyk').jpeg({quality: 100}).toBuffer(),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const {data, width, height} = await decodeFile(await file(name, bytes));
    t.deepEqual([width, height, data.length], [6, 4, 72], name);
    const [red, green, blue] = data;
    if (name.startsWith('grey')) t.true(red === green && green === blue && red! > 80 && red! < 150, name);
    else if (name === 'cmyk.jpg') t.true(red! > green! && green! > blue!, name);
    else t.deepEqual([red, green, blue], [200, 100, 50], name);
    t.true(data[15]! < 60, `${name}: column 5 is dark`);
  }
});

test('EXIF orientation is applied before the size is compared', async t => {
  // Orientation 6: the stored left column is the top row of the upright image.
  const path = await file('turned.png', await half.clone().withMetadata({orientation: 6}).png().toBuffer());
  const upright = await decodeFile(path);
  t.deepEqual([upright.width, upright.height], [4, 6]);
  t.deepEqual([...upright.data.subarray(0, 3)], [200, 100, 50]);
  t.is((await decodeImage(record(path, 4, 6), {width: 4, height: 6})).length, 72);
  await t.throwsAsync(decodeImage(record(path, 6, 4), {width: 6, height: 4}), {
    name: 'RunError',
    message: `image ${path} is 4x6 (upright), its annotations say 6x4; restore the file they were made on or correct its recorded size`,
  });
});

test('what cannot be decoded is named, with the cause', async t => {
  const noise = sharp({
    create: {
      width: 64,
      height: 64,
      channels: 3,
      noise: {type: 'gaussian', mean: 128, sigma: 40},
      background: 'red',
    },
  });
  const png = await noise.clone().png().toBuffer();
  const jpeg = await noise.clone().jpeg().toBuffer();
  const cases: readonly (readonly [string, Uint8Array | string | null, RegExp])[] = [
    [
      'cut.png',
      png.subarray(0, png.length / 2),
      /^cannot decode image .*cut\.png: .*; replace the file or remove it$/,
    ],
    ['cut.jpg', jpeg.subarray(0, jpeg.length / 2), /^cannot decode image .*cut\.jpg: .*premature end/],
    ['empty.jpg', '', /empty\.jpg is empty; replace/],
    ['missing.jpg', null, /^cannot read image .*missing\.jpg: there is no such file; check the path/],
    [
      'drawing.svg',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      /is not a JPEG, PNG, WebP/,
    ],
    ['page.png', '%PDF-1.7 and so on, whatever its name', /page\.png is not a JPEG, PNG, WebP/],
  ];
  for (const [name, bytes, message] of cases) {
    const path = bytes === null ? join(folder, name) : await file(name, bytes);
    const error = await t.throwsAsync(decodeFile(path), {name: 'RunError', message}, name);
    t.false(error?.message.includes('\n'), name);
  }
  await t.throwsAsync(decodeFile(folder), {name: 'RunError', message: /it is a folder/});
});
