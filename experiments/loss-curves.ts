/** The loss curves behind a table, as Fig. 2 and 3 of the paper draw them. */
import {lineChartSvg} from '../src/report/svg-chart.js';
import {type Metrics, readMetrics} from '../src/train/run-log.js';
import type {Outcome} from './execute.js';

/** Iterations that one point averages over, so that a curve of thousands of mini-batches can be read. */
const AVERAGED = 20;

/**
 * The unscaled classification loss of every row's first seed over the iterations, on a logarithmic axis; a run that
 * diverged ends in a cross.
 */
export async function lossCurvesSvg(title: string, outcomes: readonly Outcome[]): Promise<string> {
  const firstSeed = outcomes[0]?.run.seed;
  const series = [];
  for (const {run, status, result} of outcomes) {
    if (run.seed !== firstSeed || result?.trainedBy !== undefined) continue;
    if (status !== 'finished' && status !== 'diverged') continue;
    const points = averaged(await readMetrics(run.runDir));
    if (points.length === 0) continue;
    const last = points.at(-1);
    if (status === 'diverged' && last !== undefined) points.push([last[0] + 1, Number.NaN]);
    series.push({label: run.row.label, points});
  }
  return lineChartSvg({
    title,
    xLabel: 'iteration',
    yLabel: 'classification loss',
    yScale: 'log',
    series,
    width: 860,
  });
}

function averaged(metrics: readonly Metrics[]): [number, number][] {
  const points: [number, number][] = [];
  for (let start = 0; start < metrics.length; start += AVERAGED) {
    const part = metrics.slice(start, start + AVERAGED);
    const sum = part.reduce((total, {stages}) => total + classificationLoss(stages), 0);
    points.push([part.at(-1)!.iteration, sum / part.length]);
  }
  return points;
}

function classificationLoss(stages: Metrics['stages']): number {
  return Object.values(stages).reduce((sum, {classification}) => sum + classification, 0);
}
