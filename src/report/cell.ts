/** One figure of a results table, and how the runs over several seeds become one. */

/** Where a measured figure comes from. */
export type Provenance = {
  /** Which scale of the experiment: paper, small, mini, smoke. */
  readonly preset: string;
  /** What differs from the preset: `schedule.baseLr=0.05; data voc:DIR`. */
  readonly changed?: string;
  readonly seeds: readonly number[];
  readonly commit: string;
  readonly engine: string;
};

export type Cell =
  | {
      readonly kind: 'measured';
      /** Over the seeds that converged, in the unit of the table: percent for AP, as the paper prints it. */
      readonly mean: number;
      /** Sample standard deviation over seeds; absent for one run. */
      readonly spread?: number;
      /** What they are made of. */
      readonly values: readonly SeedValue[];
      /** Runs that the mean is made of. */
      readonly runs: number;
      /** Further runs that diverged, and are not in the mean. */
      readonly diverged: number;
      readonly provenance: Provenance;
    }
  /** Every run diverged: the paper's n/a, a result like any other. */
  | {readonly kind: 'diverged'; readonly runs: number; readonly provenance: Provenance}
  /** The runs are there but have nothing to average: no objects of this size in the data. */
  | {readonly kind: 'no-objects'; readonly provenance: Provenance}
  | {readonly kind: 'not-run'};

export type SeedValue = {readonly seed: number; readonly value: number};

/** What one run says about one figure. */
export type SeedResult =
  | (SeedValue & {readonly kind: 'finished'})
  | {readonly seed: number; readonly kind: 'diverged'}
  | {readonly seed: number; readonly kind: 'no-objects'};

/** A COCO statistic (a fraction, -1 for nothing to average) of a finished run, in percent. */
export function seedPercent(seed: number, fraction: number): SeedResult {
  return fraction === -1 ? {seed, kind: 'no-objects'} : {seed, kind: 'finished', value: 100 * fraction};
}

/**
 * Mean and sample standard deviation over the seeds; runs that diverged are counted, not averaged.
 * @param made preset, commit and engine, which are the same for all runs
 */
export function combineSeeds(results: readonly SeedResult[], made: Omit<Provenance, 'seeds'>): Cell {
  if (results.length === 0) return {kind: 'not-run'};
  const provenance = {...made, seeds: results.map(({seed}) => seed)};
  const values = results.flatMap(result =>
    result.kind === 'finished' ? [{seed: result.seed, value: result.value}] : [],
  );
  const diverged = results.filter(({kind}) => kind === 'diverged').length;
  if (values.length === 0) {
    return diverged > 0 ? {kind: 'diverged', runs: diverged, provenance} : {kind: 'no-objects', provenance};
  }
  const {mean, spread} = meanAndSpread(values.map(({value}) => value));
  return {
    ...{kind: 'measured', mean, ...(spread !== undefined && {spread})},
    ...{values, runs: values.length, diverged, provenance},
  };
}

/** Of at least one value; the spread, a sample standard deviation, is undefined for one. */
export function meanAndSpread(values: readonly number[]): {
  readonly mean: number;
  readonly spread: number | undefined;
} {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return {mean, spread: undefined};
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {mean, spread: Math.sqrt(squares / (values.length - 1))};
}
