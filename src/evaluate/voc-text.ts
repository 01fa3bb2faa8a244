/** A PASCAL VOC evaluation for people (tables) and for programs (JSON). */
import {visibleText} from '../errors.js';
import {alignColumns} from '../report/align-columns.js';
import type {VocClassEvaluation, VocEvaluation} from './voc-eval.js';

/** Fraction with three digits; a dash where there is nothing to measure. */
function figure(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3);
}

/** 0.5 is 50, as in AP50. */
function percent(iouThreshold: number): string {
  return String(Math.round(iouThreshold * 1e4) / 100);
}

/**
 * Two numbers an IoU threshold, and a table of the classes that have objects or detections: AP07 is VOC2007's at 11
 * points, AP the area of VOC2010 on. Ends with a line break.
 */
export function formatVocStats({means, classes, leftOut}: VocEvaluation): string {
  const overall = alignColumns([
    ['', 'IoU', 'value'],
    ...means.flatMap(({iouThreshold, ap07, ap}) => {
      const iou = `> ${iouThreshold.toFixed(2)}`;
      return [
        ['mean AP07 (VOC2007, 11 points)', iou, figure(ap07)],
        ['mean AP (VOC2010 on, area)', iou, figure(ap)],
      ];
    }),
  ]);
  const columns = means.map(({iouThreshold}) => percent(iouThreshold));
  const table = alignColumns([
    [
      'class',
      ...columns.flatMap(column => [`AP07@${column}`, `AP@${column}`]),
      `recall@${columns[0]}`,
      ...['objects', 'difficult', 'detections'],
    ],
    ...classes
      .filter(({positives, difficult, detections}) => positives + difficult + detections > 0)
      .map(classRow),
  ]);
  const measured = `means over ${classes.length - leftOut.length} of ${classes.length} classes`;
  const others = leftOut.length === 0 ? '' : `; no objects to find: ${someOf(leftOut)}`;
  return `${overall}${measured}${others}\n\n${table}`;
}

/** A few names, and how many more. */
function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).map(visibleText).join(', ');
  return names.length <= 5 ? shown : `${shown} and ${names.length - 5} more`;
}

function classRow({name, curves, positives, difficult, detections}: VocClassEvaluation): readonly string[] {
  const found = detections === 0 && positives > 0 ? 0 : (curves[0]?.recall.at(-1) ?? Number.NaN);
  return [
    name,
    ...curves.flatMap(({ap07, ap}) => [ap07, ap].map(value => (positives === 0 ? '-' : figure(value)))),
    figure(found),
    ...[positives, difficult, detections].map(String),
  ];
}

export type VocThresholdJson = {
  readonly iouThreshold: number;
  readonly ap07: number | null;
  readonly ap: number | null;
};

export type VocStatsJson = {
  readonly metric: 'voc';
  readonly means: readonly VocThresholdJson[];
  /** Classes without objects to find, which are in no mean. */
  readonly leftOut: readonly string[];
  readonly perClass: readonly {
    readonly name: string;
    readonly positives: number;
    readonly difficult: number;
    readonly detections: number;
    readonly at: readonly VocThresholdJson[];
  }[];
};

/** What `--json` writes: fractions 0..1; null where the reference has NaN, and for means over no class. */
export function vocStatsJson({means, classes, leftOut}: VocEvaluation): VocStatsJson {
  return {
    metric: 'voc',
    means: means.map(thresholdJson),
    leftOut,
    perClass: classes.map(({name, positives, difficult, detections, curves}) => ({
      name,
      positives,
      difficult,
      detections,
      at: curves.map(thresholdJson),
    })),
  };
}

function thresholdJson(at: {
  readonly iouThreshold: number;
  readonly ap07: number;
  readonly ap: number;
}): VocThresholdJson {
  const orNull = (value: number) => (Number.isNaN(value) ? null : value);
  return {iouThreshold: at.iouThreshold, ap07: orNull(at.ap07), ap: orNull(at.ap)};
}
