/** The charts of an analysis as SVG. */
import {barChartSvg, rangeColumnsSvg} from '../../report/bars.js';
import {heatMapSvg} from '../../report/heat-map.js';
import {precisionRecallSvg, recallPanelsSvg} from '../../report/precision-recall.js';
import type {AreaBin} from './areas.js';
import type {ConfusionMatrix} from './confusion.js';
import type {CurveSet} from './curves.js';
import type {ErrorBreakdown, ErrorCost} from './error-breakdown.js';
import {ERROR_KINDS} from './error-kinds.js';

/** Mean curves at every IoU threshold. */
export function meanCurvesSvg({mean, categories}: CurveSet): string {
  const title = `Precision and recall, mean of ${categories.length} ${categories.length === 1 ? 'category' : 'categories'}`;
  return precisionRecallSvg(
    title,
    mean.map(({iou, AP, precision}) => ({
      label: `IoU ${iou}`,
      AP,
      precision,
      emphasis: iou.includes(':'),
    })),
  );
}

/** A small plot for each category, at IoU 0.5 or the first threshold that was evaluated. */
export function categoryCurvesSvg({categories}: CurveSet): string {
  const iou = categories[0]?.curves[0]?.iou ?? '0.50';
  return recallPanelsSvg(
    `Precision and recall of each category, IoU ${iou}`,
    categories.map(({name, curves}) => ({
      label: name,
      AP: curves[0]!.AP,
      precision: curves[0]!.precision,
    })),
  );
}

export function confusionSvg({categories, counts, iouThreshold, scoreThreshold}: ConfusionMatrix): string {
  const names = [...categories.map(({name}) => name), 'background'];
  return heatMapSvg({
    title: 'Confusion matrix',
    rowLabel: `ground truth (IoU ≥ ${iouThreshold})`,
    columnLabel: `predicted (score ≥ ${scoreThreshold})`,
    rows: names,
    columns: names,
    counts,
    apart: true,
  });
}

export function errorsSvg(errors: ErrorBreakdown): string {
  const bar = (label: string, {count, gain}: ErrorCost) => ({
    label,
    value: gain,
    note: count.toLocaleString('en-US'),
  });
  return barChartSvg({
    title: `What each kind of error costs (AP50 ${errors.AP === -1 ? '-' : errors.AP.toFixed(3)})`,
    valueLabel: 'AP50 gained if it is repaired',
    noteLabel: 'count',
    groups: [
      ERROR_KINDS.map(kind => bar(kind, errors.errors[kind])),
      [bar('false positives', errors.falsePositives), bar('false negatives', errors.falseNegatives)],
    ],
  });
}

export function areasSvg(bins: readonly AreaBin[]): string {
  const whole = (pick: (bin: AreaBin) => number) => bins.map(bin => pick(bin).toLocaleString('en-US'));
  const figures = (pick: (bin: AreaBin) => number) => bins.map(bin => (pick(bin) === -1 ? null : pick(bin)));
  return rangeColumnsSvg({
    title: 'AP over the size of objects',
    rangeLabel: 'square root of the area, pixels',
    ranges: bins.map(({from, to}) =>
      to === Infinity ? `≥ ${from}` : from === 0 ? `< ${to}` : `${from}–${to}`,
    ),
    notes: [
      {label: 'objects', values: whole(({groundTruths}) => groundTruths)},
      {label: 'detections', values: whole(({detections}) => detections)},
    ],
    series: [
      {label: 'AP', values: figures(({AP}) => AP)},
      {label: 'AP50', values: figures(({AP50}) => AP50)},
      {label: 'AP75', values: figures(({AP75}) => AP75)},
    ],
  });
}
