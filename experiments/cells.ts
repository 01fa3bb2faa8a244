/** From the runs of a row to the figures of its table. */
import type {CocoStatName} from '../src/evaluate/coco-stats.js';
import {type Cell, combineSeeds, type Provenance, type SeedResult, seedPercent} from '../src/report/cell.js';
import type {Outcome} from './execute.js';

/**
 * One statistic of one row over its seeds, in percent, from the runs that ended: finished or diverged.
 * @param row id of the row
 * @param scale preset, and what was changed besides
 */
export function cellOf(
  outcomes: readonly Outcome[],
  row: string,
  metric: CocoStatName,
  scale: Pick<Provenance, 'preset' | 'changed'>,
): Cell {
  const ended = outcomes.filter(
    ({run, status}) => run.row.id === row && (status === 'finished' || status === 'diverged'),
  );
  const distinct = (key: 'commit' | 'engine') => [
    ...new Set(ended.map(({result}) => result?.[key] ?? 'unknown')),
  ];
  return combineSeeds(
    ended.map(outcome => seedResult(outcome, metric)),
    {...scale, commit: distinct('commit').join(', '), engine: distinct('engine').join(', ')},
  );
}

function seedResult({run, stats}: Outcome, metric: CocoStatName): SeedResult {
  return stats === undefined ? {seed: run.seed, kind: 'diverged'} : seedPercent(run.seed, stats[metric]);
}
