/** Measurements as aligned tables and as JSON. */
import {alignColumns} from '../report/align-columns.js';
import type {Outcome} from './contestant.js';
import {isOutOfMemory, peakSpeed, ratioOf, speedOf} from './figures.js';
import type {Measurements, Result} from './measure.js';
import type {Profile} from './profile.js';
import {median, spread} from './statistics.js';
import {trafficJson, trafficText} from './traffic.js';
import {imagesOf, titleOf} from './work.js';

const fixed = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? '';
const percent = (share: number | undefined, digits = 0): string =>
  share === undefined ? '' : `${(100 * share).toFixed(digits)} %`;
/** Three significant digits, or all before the point. */
const brief = (value: number): string => value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(value))));

/** One line for each side, and one for their ratio. */
function rowsOf(result: Result, peak: number | undefined): readonly (readonly string[])[] {
  const {work, operations, sf, torchvision} = result;
  const cells = (outcome: Outcome): readonly string[] => {
    if (outcome.kind === 'failed') return [isOutOfMemory(outcome.message) ? 'out of memory' : 'failed'];
    const time = median(outcome.milliseconds);
    const images = imagesOf(work);
    const speed = speedOf(outcome, operations);
    return [
      fixed(time, time < 1000 ? 1 : 0),
      percent(spread(outcome.milliseconds), 1),
      images === undefined ? '' : brief((1000 * images) / time),
      speed === undefined ? '' : (speed / 1e9).toFixed(1),
      ...(peak === undefined ? [] : [percent(speed === undefined ? undefined : speed / peak)]),
      outcome.peakBytes === undefined ? '' : (outcome.peakBytes / 2 ** 20).toFixed(0),
    ];
  };
  if (torchvision === undefined) return [[titleOf(work), ...cells(sf)]];
  const ratio = ratioOf(result);
  const between = Array.from({length: peak === undefined ? 3 : 4}, () => '');
  return [
    [titleOf(work)],
    ['  sf', ...cells(sf)],
    ['  torchvision', ...cells(torchvision)],
    ...(ratio === undefined ? [] : [['  ratio', ratio.time.toFixed(2), ...between, fixed(ratio.memory, 2)]]),
  ];
}

/** Every result in one table. The columns are explained by the lines of `benchText` around it. */
function table(results: readonly Result[], peak: number | undefined): string {
  const heading = [
    '',
    'ms',
    '±',
    'images/s',
    'GFLOP/s',
    ...(peak === undefined ? [] : ['of the best']),
    'MiB',
  ];
  return alignColumns([heading, ...results.flatMap(result => rowsOf(result, peak))]);
}

function profileText({kernels, milliseconds}: Profile, title: string): string {
  const inKernels = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
  const row = (name: string, calls: string, time: number, operations: number): readonly string[] => [
    name,
    calls,
    time.toFixed(1),
    percent(time / milliseconds, 1),
    operations === 0 ? '' : (operations / time / 1e6).toFixed(1),
  ];
  const total = kernels.reduce((sum, kernel) => sum + kernel.operations, 0);
  return `\nsf by kernel, one ${title}\n${alignColumns([
    ['', 'calls', 'ms', 'share', 'GFLOP/s'],
    ...kernels.map(kernel =>
      row(kernel.kernel, String(kernel.calls), kernel.milliseconds, kernel.operations),
    ),
    row('outside of kernels', '', milliseconds - inKernels, 0),
    row('together', '', milliseconds, total),
  ])}`;
}

/** What sides said that could not do a work, a line each. */
function failureLines({work, sf, torchvision}: Result): readonly string[] {
  return [['sf', sf] as const, ['torchvision', torchvision] as const].flatMap(([name, outcome]) =>
    outcome?.kind === 'failed' ? [`${titleOf(work)}, ${name}: ${outcome.message}`] : [],
  );
}

/** @param setting what was measured, in one line: size, repetitions */
export function benchText({sf, torchvision, results}: Measurements, setting: string): string {
  const peak = peakSpeed(results);
  return [
    `${sf.detail}\n`,
    ...(torchvision === undefined ? [] : [`${torchvision.detail}\n`]),
    `${setting}\n\n`,
    table(results, peak?.speed),
    ...results.flatMap(failureLines).map(line => `${line}\n`),
    '\nms: median, ± half of the range; GFLOP/s: convolutions and products, counted as direct sums; ',
    'MiB: the most that the process, or the GPU, has held\n',
    ...(peak === undefined ? [] : [`best: ${(peak.speed / 1e9).toFixed(1)} GFLOP/s, ${peak.of}\n`]),
    trafficText(results),
    ...results.flatMap(({profile, work}) =>
      profile === undefined ? [] : [profileText(profile, titleOf(work))],
    ),
  ].join('');
}

/** Everything that was measured, down to single repetitions; `about` says with what and how. */
export function benchJson(
  {sf, torchvision, results}: Measurements,
  about: Readonly<Record<string, unknown>>,
) {
  const outcomeJson = (outcome: Outcome | undefined, {operations, work}: Result) => {
    if (outcome === undefined) return undefined;
    if (outcome.kind === 'failed')
      return {failure: outcome.message, outOfMemory: isOutOfMemory(outcome.message)};
    const {milliseconds, peakBytes} = outcome;
    const images = imagesOf(work);
    const time = median(milliseconds);
    return {
      milliseconds: time,
      spread: spread(milliseconds),
      repetitions: milliseconds,
      ...(images === undefined ? {} : {imagesPerSecond: (1000 * images) / time}),
      operationsPerSecond: speedOf(outcome, operations),
      peakBytes,
    };
  };
  return {
    ...about,
    sides: {sf, torchvision},
    peak: peakSpeed(results),
    results: results.map(result => {
      const {objects, ...work} = {objects: undefined, ...result.work};
      return {
        case: result.case,
        title: titleOf(result.work),
        work: {...work, ...(objects === undefined ? {} : {batch: imagesOf(result.work)})},
        operations: result.operations,
        sf: outcomeJson(result.sf, result),
        torchvision: outcomeJson(result.torchvision, result),
        ratio: ratioOf(result),
        ...trafficJson(result, results),
        profile: result.profile,
      };
    }),
  };
}
