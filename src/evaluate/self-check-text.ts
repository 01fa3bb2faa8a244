/** What annotations evaluated against themselves show, for people (text) and for programs (JSON). */
import {alignColumns} from '../report/align-columns.js';
import type {CocoParameters} from './coco-parameters.js';
import {averagePrecision} from './coco-stats.js';
import type {SelfCheck, SelfCheckClass, SelfCheckFinding} from './self-check.js';
import type {SelfCheckNote} from './self-check-notes.js';
import {type CocoStatsJson, evaluationHeading, statsJson} from './text.js';

/** The AP, the classes that fall short with the causes below each, and the notes. Ends with a line break. */
export function formatSelfCheck({evaluation, classes, notes}: SelfCheck): string {
  const {curves, parameters, perCategory} = evaluation;
  const AP = averagePrecision(curves, parameters);
  const evaluated = perCategory.filter(({groundTruths}) => groundTruths > 0).length;
  const lines = [
    `${evaluationHeading(parameters)}; every annotation as a detection with score 1`,
    AP === -1
      ? 'there are no objects to find'
      : `AP ${AP.toFixed(3)}, ${classes.length} of ${evaluated} ${parameters.useCategories ? 'classes' : 'class'} below 1`,
  ];
  const causes = classes.length === 0 ? '' : `\n${classTable(classes, parameters)}`;
  const known =
    notes.length === 0 ? '' : `\n${notes.map(note => `note: ${noteText(note, parameters)}\n`).join('')}`;
  return `${lines.join('\n')}\n${causes}${known}`;
}

function classTable(classes: readonly SelfCheckClass[], parameters: CocoParameters): string {
  const header = [
    'class',
    ...parameters.areaRanges.map(({label}) => (label === 'all' ? 'AP' : `AP ${label}`)),
    'objects',
  ];
  const rows = classes.map(({name, precisions, objects}) => [
    name,
    ...precisions.map(figure),
    String(objects),
  ]);
  const [first, ...lines] = alignColumns([header, ...rows])
    .trimEnd()
    .split('\n');
  return [
    `${first}\n`,
    ...classes.map(({findings}, i) =>
      [lines[i], ...findings.map(finding => `    ${findingText(finding, parameters)}`)]
        .join('\n')
        .concat('\n'),
    ),
  ].join('');
}

/** Below 1 is never shown as 1. */
function figure(precision: number): string {
  if (precision === -1) return '-';
  return precision >= 1 - 1e-9 ? '1.000' : Math.min(precision, 0.999).toFixed(3);
}

function findingText(
  {cause, count, annotationId, imageId, inImage}: SelfCheckFinding,
  {iouType, maxDetections}: CocoParameters,
): string {
  const where = `(annotation ${annotationId} on image ${imageId}${count > 1 ? ' first' : ''})`;
  const objects = count === 1 ? '1 object' : `${count} objects`;
  const are = count === 1 ? 'is' : 'are';
  const one = count === 1;
  switch (cause) {
    case 'annotation-id-0':
      return `annotation id 0 ${where}: pycocotools takes it for "no match", so what finds it is a false positive; number from 1`;
    case 'empty': {
      const what = iouType === 'bbox' ? 'a box without width or height' : 'a mask without a pixel';
      return `${objects} ${one ? 'has' : 'have'} ${what} ${where}: nothing overlaps ${one ? 'it' : 'them'}, so ${one ? 'it is' : 'each is'} a miss and a false positive`;
    }
    case 'self-overlap':
      return `${objects} ${where} ${one ? 'does' : 'do'} not overlap ${one ? 'itself' : 'themselves'} in full: coordinates so large are rounded`;
    case 'beyond-max-dets':
      return `${objects} ${are} beyond maxDets ${where}: that image has ${inImage} of the class, and ${maxDetections.at(-1)} detections of it count`;
    case 'crowd':
      return `${objects} ${are} a false positive ${where}: the detection of a crowd region takes an object beside it, and the next one's goes without`;
    case 'area-range':
      return `${objects} ${are} a false positive in an area range ${where}: the detection of an object outside the range takes its neighbour`;
    case 'equal-overlap':
      return `${objects} ${where} ${are} taken by the detection of another object that overlaps as well`;
  }
}

function noteText(
  {kind, count, annotationId, imageId, detail}: SelfCheckNote,
  {iouType}: CocoParameters,
): string {
  const annotations = count === 1 ? '1 annotation' : `${count} annotations`;
  const example = `annotation ${annotationId} on image ${imageId}${count > 1 ? ' first' : ''}`;
  switch (kind) {
    case 'area-out-of-step':
      return (
        `${annotations} (${example}: ${detail}) with an "area" in another area range than the ` +
        `${iouType === 'bbox' ? 'box' : 'mask'}: costs nothing here; a detection of that size that misses counts in the other range`
      );
    case 'same-box':
      return `${annotations} (${example}: ${detail}) on the very same box as another of the class: a detector finds one of the two`;
  }
}

export type SelfCheckJson = CocoStatsJson & Pick<SelfCheck, 'classes' | 'notes'>;

/** What `--json` writes: the figures, and classes with an AP below 1 with their causes. */
export function selfCheckJson({evaluation, classes, notes}: SelfCheck): SelfCheckJson {
  return {...statsJson(evaluation), classes, notes};
}
