/** Targets pasted back into their boxes are the masks they were made of, as far as their bins can say. */
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {loadCoco} from '../../src/data/coco.js';
import {imageTargets} from '../../src/data/targets.js';
import type {View} from '../../src/data/view.js';
import {maskArea} from '../../src/masks/mask.js';
import {maskOverlap} from '../../src/masks/mask-overlap.js';
import {maskTargets} from '../../src/masks/mask-targets.js';
import type {Outline} from '../../src/masks/outline.js';
import {pasteMasks} from '../../src/masks/paste.js';
import {polygonsMask} from '../../src/masks/rasterize.js';

const folder = process.env.SF_TEST_DATA;
const onRealData = folder === undefined ? test.skip : test;
const SIZE = 28;
/** Objects of fewer pixels say more of rounding than of masks. */
const MIN_AREA = 100;

const drawn = (outline: Outline) =>
  outline.kind === 'mask' ? outline.mask : polygonsMask(outline.polygons, outline.height, outline.width);

/** Mean overlap of an object's mask with its target, pasted into its own box. */
async function meanOverlap(
  file: string,
  scale: number,
  targets: 'rasterise' | 'roi-align',
  paste: 'padded' | 'centred',
): Promise<{readonly objects: number; readonly mean: number}> {
  const dataset = await loadCoco({annotations: join(folder!, file), images: folder!, name: file});
  let objects = 0;
  let sum = 0;
  for (const record of dataset.images) {
    const view: View = {
      height: Math.round(record.height * scale),
      width: Math.round(record.width * scale),
      flip: record.id % 2 === 1,
    };
    const {boxes, outlines = []} = imageTargets(record, view, {masks: true});
    const proposals = {
      boxes,
      images: new Int32Array(outlines.length),
      objects: Int32Array.from(outlines.keys()),
    };
    const bins = maskTargets([outlines], proposals, {size: SIZE, targets});
    pasteMasks(bins, boxes, view, {paste, threshold: 0.5}).forEach((mask, object) => {
      const expected = drawn(outlines[object]!);
      if (maskArea(expected) < MIN_AREA) return;
      objects++;
      sum += maskOverlap(mask, expected, false);
    });
  }
  return {objects, mean: sum / objects};
}

async function atLeast(
  t: ExecutionContext,
  file: string,
  scale: number,
  least: Readonly<Record<'centred' | 'padded' | 'averaged', number>>,
): Promise<void> {
  const centred = await meanOverlap(file, scale, 'rasterise', 'centred');
  const padded = await meanOverlap(file, scale, 'rasterise', 'padded');
  const averaged = await meanOverlap(file, scale, 'roi-align', 'padded');
  t.log({centred, padded, averaged});
  t.true(centred.objects > 1000);
  t.true(centred.mean >= least.centred && padded.mean >= least.padded && averaged.mean >= least.averaged);
}

onRealData('nuclei, given as run lengths, at twice their size', t =>
  // Most are smaller than 28 x 28, so that their bins are finer than pixels. A padded box is up to a pixel larger.
  atLeast(t, 'nuclei/annotations/instances_val.json', 2, {centred: 0.98, padded: 0.93, averaged: 0.93}),
);

onRealData('objects of COCO, given as polygons', t =>
  atLeast(t, 'coco-sample/annotations/instances.json', 1, {centred: 0.95, padded: 0.92, averaged: 0.92}),
);
