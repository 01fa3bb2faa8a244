/** From the runs of a row to the figures of its table. */
import {COCO_STATS, type CocoStatName} from '../src/evaluate/coco-stats.js';
import {type Cell, combineSeeds, type Provenance, type SeedResult, seedPercent} from '../src/report/cell.js';
import type {Outcome} from './execute.js';

/**
 * What is known of a run: a statistic of COCO, in percent, or the milliseconds of a training step, as time that elapsed or as
 * processor time.
 */
export type Figure = CocoStatName | 'trainingTime' | 'processorTime';

/** The paper's tables name their columns as the figures are named here. */
export function figureOf(metric: string): Figure {
  const name = COCO_STATS.find(stat => stat === metric);
  if (name !== undefined) return name;
  if (metric === 'trainingTime') return metric;
  throw new Error(`no figure ${metric}`);
}

/**
 * One figure of one row over its seeds, from the runs that ended: finished or diverged.
 * @param row id of the row
 * @param scale preset, and what was changed besides
 */
export function cellOf(
  outcomes: readonly Outcome[],
  row: string,
  figure: Figure,
  scale: Pick<Provenance, 'preset' | 'changed'>,
): Cell {
  const ended = outcomes.filter(
    ({run, status}) => run.row.id === row && (status === 'finished' || status === 'diverged'),
  );
  const distinct = (key: 'commit' | 'engine') => [
    ...new Set(ended.map(({result}) => result?.[key] ?? 'unknown')),
  ];
  return combineSeeds(
    ended.flatMap(outcome => seedResult(outcome, figure) ?? []),
    {...scale, commit: distinct('commit').join(', '), engine: distinct('engine').join(', ')},
  );
}

/** Undefined for a run that has no such figure: weights of another run were not trained in any time. */
function seedResult({run: {seed}, stats, step}: Outcome, figure: Figure): SeedResult | undefined {
  if (stats === undefined) return {seed, kind: 'diverged'};
  if (figure !== 'trainingTime' && figure !== 'processorTime') return seedPercent(seed, stats[figure]);
  const value = figure === 'trainingTime' ? step?.elapsed : step?.processor;
  return value === undefined ? undefined : {seed, kind: 'finished', value};
}
