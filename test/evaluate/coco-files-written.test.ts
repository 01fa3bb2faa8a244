/** Results with masks, written and read again. */
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import test from 'ava';
import {readCocoResults, writeCocoResults} from '../../src/evaluate/coco-files.js';
import {temporaryFolder} from '../temporary-folder.js';

/** Fills 6 of the 8 pixels of a 2 x 4 image, column by column: 1 off, 4 on, 1 off, 2 on. Its box is the whole image. */
const MASK = {size: [2, 4], counts: [1, 4, 1, 2]};
const RECORD = {image_id: 1, category_id: 3, score: 0.5};

test('areas of masks are areas of masks again: the first record has no box, other boxes are kept', async t => {
  const folder = await temporaryFolder(t);
  const [given, written] = [join(folder, 'given.json'), join(folder, 'written.json')];
  const records = [
    {...RECORD, segmentation: MASK},
    {...RECORD, segmentation: MASK, bbox: [0.5, 0, 3, 2]},
    {...RECORD, segmentation: MASK},
  ];
  await writeFile(given, JSON.stringify(records));
  const results = await readCocoResults(given, undefined, {masks: true});
  t.deepEqual([...results.areas], [6, 6, 6]);
  t.deepEqual([...results.boxes.subarray(0, 8)], [0, 0, 4, 2, 0.5, 0, 3, 2]);
  await writeCocoResults(written, results);
  const again = await readCocoResults(written, undefined, {masks: true});
  t.deepEqual(again, results);
  t.is((await readFile(written, 'utf8')).match(/"bbox":\[0\.5,0,3,2\]/g)?.length, 1);
});

test('areas of boxes are areas of boxes again, also beside masks', async t => {
  const folder = await temporaryFolder(t);
  const given = join(folder, 'given.json');
  await writeFile(given, JSON.stringify([{...RECORD, segmentation: MASK, bbox: [0, 0, 4, 2]}]));
  const results = await readCocoResults(given, undefined, {masks: true});
  t.deepEqual([...results.areas], [8]);
  const written = join(folder, 'written.json');
  await writeCocoResults(written, results);
  t.deepEqual(await readCocoResults(written, undefined, {masks: true}), results);
});
