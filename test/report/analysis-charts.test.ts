import test from 'ava';
import {XMLValidator} from 'fast-xml-parser';
import sharp from 'sharp';
import {barChartSvg, rangeColumnsSvg} from '../../src/report/bars.js';
import {heatMapSvg} from '../../src/report/heat-map.js';
import {MAX_PANELS, precisionRecallSvg, recallPanelsSvg} from '../../src/report/precision-recall.js';
import {fitText, mixColours} from '../../src/report/svg.js';

const curve = (label: string, AP: number) => ({
  label,
  AP,
  precision: Float64Array.from({length: 101}, (_, r) => Math.max(0, 1 - r / 100)),
});

/** Colour of a pixel as #rrggbb. */
async function pixel(svg: string, x: number, y: number): Promise<string> {
  const {data, info} = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer({resolveWithObject: true});
  const at = (Math.round(y) * info.width + Math.round(x)) * 3;
  return `#${data.subarray(at, at + 3).toString('hex')}`;
}

test('Curves are drawn from the upper left to the lower right, with a legend that says AP', t => {
  const svg = precisionRecallSvg('Mean of a < b', [
    curve('IoU 0.50', 0.5),
    {...curve('mean', 0.25), emphasis: true},
  ]);
  t.true(XMLValidator.validate(svg) === true);
  t.true(svg.includes('Mean of a &lt; b') && svg.includes('>0.500</text>') && svg.includes('>mean</text>'));
  t.regex(svg, /d="M58 44L62 48L[^"]*L458 444"/);
  t.true(XMLValidator.validate(precisionRecallSvg('', [])) === true);
});

test('Panels go from the best category to the worst, and long lists are shown by examples', t => {
  const names = (svg: string) => [...svg.matchAll(/>(c\d+)<\/text>/g)].map(([, name]) => name);
  const few = recallPanelsSvg('few', [curve('c1', 0.1), curve('c2', 0.9), curve('c3', 0.5)]);
  t.deepEqual(names(few), ['c2', 'c3', 'c1']);
  const many = recallPanelsSvg(
    'many',
    Array.from({length: 1203}, (_, i) => curve(`c${i}`, i / 1203)),
  );
  t.is(names(many).length, MAX_PANELS);
  t.deepEqual([names(many)[0], names(many).at(-1)], ['c1202', 'c0']);
  t.true(many.includes('120 of 1203 categories'));
  t.true(XMLValidator.validate(recallPanelsSvg('none', [])) === true);
});

test('A cell is the darker the larger its share of the row, and the diagonal runs down', async t => {
  const map = {title: 'm', rowLabel: 'r', columnLabel: 'c', rows: ['a', 'b'], columns: ['a', 'b']};
  const svg = heatMapSvg({...map, counts: Float64Array.of(9, 1, 0, 0)});
  t.true(XMLValidator.validate(svg) === true);
  // Labels of one letter are 7 wide: cells of 40 begin at 51, 44.
  const [strong, weak, empty] = await Promise.all([
    pixel(svg, 56, 50),
    pixel(svg, 96, 50),
    pixel(svg, 56, 90),
  ]);
  t.is(empty, '#ffffff');
  const light = (colour: string) => Number.parseInt(colour.slice(1, 3), 16);
  t.true(light(strong) < light(weak) && light(weak) < 255, `${strong} ${weak}`);
  t.true(svg.includes('>9</text>') && svg.includes('>1</text>'));
});

test('A matrix of a thousand categories stays small and has no labels', t => {
  const names = Array.from({length: 1001}, (_, i) => `category ${i}`);
  const counts = new Float64Array(1001 ** 2);
  for (let i = 0; i < 1001; i++) counts[i * 1001 + i] = 5;
  const svg = heatMapSvg({
    title: 'm',
    rowLabel: 'r',
    columnLabel: 'c',
    rows: names,
    columns: names,
    counts,
    apart: true,
  });
  t.true(svg.length < 100_000);
  t.false(svg.includes('category 7'));
});

test('Bars are as long as their values, with value and note', async t => {
  const svg = barChartSvg({
    title: 'Costs',
    valueLabel: 'AP',
    noteLabel: 'count',
    groups: [[{label: 'long', value: 0.2, note: '12'}], [{label: 'none', value: 0, note: '0'}]],
  });
  t.true(XMLValidator.validate(svg) === true);
  const widths = [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  );
  // The axis ends at 0.2, 340 pixels away.
  t.deepEqual(widths, [340, 0]);
  t.true(svg.includes('>0.200</text>') && svg.includes('>12</text>'));
});

test('Columns stand over their range; one without a figure is left out', t => {
  const svg = rangeColumnsSvg({
    title: 'Sizes',
    rangeLabel: 'pixels',
    ranges: ['0–8', '≥ 8'],
    notes: [{label: 'objects', values: ['3', '0']}],
    series: [{label: 'AP', values: [0.5, null]}],
  });
  t.true(XMLValidator.validate(svg) === true);
  const heights = [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)"/g)].map(
    ([, h]) => Number(h),
  );
  t.deepEqual(heights, [12, 140]); // the legend's square, and half of 280
});

test('Text is cut to its room, colours are mixed by channel', t => {
  t.is(fitText('traffic light', 40, 10), 'traffi…');
  t.is(fitText('cat', 40, 10), 'cat');
  t.is(mixColours('#000000', '#ff8000', 0.5), '#804000');
});
