import test from 'ava';
import {XMLValidator} from 'fast-xml-parser';
import {makeAxis} from '../../src/report/axis.js';
import {lineChartSvg} from '../../src/report/svg-chart.js';

const labels = (values: readonly number[], scale: 'linear' | 'log', wanted: number) =>
  makeAxis(values, scale, wanted).ticks.map(({label}) => label);

test('Ticks stand at round numbers and hold all values', t => {
  t.deepEqual(labels([0.21, 0.535], 'linear', 5), ['0.2', '0.3', '0.4', '0.5', '0.6']);
  t.deepEqual(labels([15000, 90000], 'linear', 5), ['0', '20k', '40k', '60k', '80k', '100k']);
  t.deepEqual(labels([1, 1000], 'linear', 5), ['0', '200', '400', '600', '800', '1000']);
  t.deepEqual(labels([0.5, 2500], 'log', 5), ['0.1', '1', '10', '100', '1000', '10000']);
  t.deepEqual(labels([1e-8, 1], 'log', 4), ['1e-8', '1e-6', '1e-4', '0.01', '1']);
  t.deepEqual(labels([3, 3], 'linear', 4), ['1', '2', '3', '4', '5']);
  t.deepEqual(labels([], 'linear', 2), ['0', '0.5', '1.0']);
});

test('Places run from 0 to 1', t => {
  const axis = makeAxis([1, 100], 'log', 5);
  t.deepEqual([1, 10, 100].map(axis.place), [0, 0.5, 1]);
});

const chart = {title: 'Losses <of> a & b', xLabel: 'iteration', yLabel: 'loss'};
const crosses = (svg: string) => svg.match(/stroke-linecap="round"/g)?.length ?? 0;
const curves = (svg: string) => svg.match(/stroke-linejoin="round"/g)?.length ?? 0;

test('A chart is well-formed XML with a line and a legend entry for each series', t => {
  const series = ['Focal Loss', 'Sampling-Free'].map((label, k) => ({
    label,
    points: [1, 2, 3].map(x => [x, x + k] as const),
  }));
  const svg = lineChartSvg({...chart, series});
  t.true(XMLValidator.validate(svg) === true);
  t.is(curves(svg), 2);
  t.is(crosses(svg), 0);
  t.true(svg.includes('>Sampling-Free</text>') && svg.includes('Losses &lt;of&gt; a &amp; b'));
});

test('A value that is not finite leaves a gap and a cross; a loss of 0 on a log axis a gap alone', t => {
  const points = (...ys: readonly number[]) => ys.map((y, x) => [x, y] as const);
  const of = (...ys: readonly number[]) =>
    lineChartSvg({...chart, yScale: 'log', series: [{label: 'a', points: points(...ys)}]});
  t.deepEqual([curves(of(1, 2, Number.NaN)), crosses(of(1, 2, Number.NaN))], [1, 1]);
  t.deepEqual([curves(of(1, 2, Infinity, 3, 4)), crosses(of(1, 2, Infinity, 3, 4))], [2, 1]);
  t.deepEqual([curves(of(1, 2, 0, 3, 4)), crosses(of(1, 2, 0, 3, 4))], [2, 0]);
  t.true(XMLValidator.validate(of(Number.NaN)) === true);
  t.false(of(Number.NaN, 1, Number.NaN).includes('NaN'));
});

test('A long series is thinned to its shape', t => {
  const points = Array.from({length: 90_000}, (_, x) => [x, x === 45_678 ? 50 : Math.sin(x)] as const);
  const svg = lineChartSvg({...chart, series: [{label: 'a', points}]});
  t.true(svg.length < 50_000);
  const spike = svg.split('L').filter(point => Number(point.split(' ')[1]) < 120);
  t.true(spike.length >= 1);
});
