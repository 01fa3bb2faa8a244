/**
 * Whether measured runs show what the paper says. Scaled-down runs cannot repeat the paper's numbers; they can repeat
 * its pattern: which rows diverge, and which row is better than which.
 */
import {type Cell, meanAndSpread} from './cell.js';
import type {PaperClaim, PaperTable, PaperValue} from './paper.js';

export type Verdict = {
  readonly kind:
    | 'as-in-paper'
    | 'unlike-paper'
    | 'confirmed'
    | 'not-confirmed'
    | 'within-noise'
    | 'no-verdict';
  /** One line for people. */
  readonly text: string;
};

/** The measured cell of a row and metric. */
export type CellOf = (row: string, metric: string) => Cell;

/** AP in percent below which a network that did not diverge has learned nothing either. */
const NOTHING_LEARNED = 1;

/** Whether a row diverged where the paper says n/a and nowhere else. */
export function divergenceVerdict(paper: PaperValue, cell: Cell): Verdict {
  const paperDiverged = paper === 'n/a';
  switch (cell.kind) {
    case 'not-run':
      return {kind: 'no-verdict', text: 'not run'};
    case 'no-objects':
      return {kind: 'no-verdict', text: 'no objects of this size'};
    case 'diverged':
      return paperDiverged
        ? {kind: 'as-in-paper', text: `diverged as in the paper${allOf(cell.runs)}`}
        : {kind: 'unlike-paper', text: `diverged, unlike the paper${allOf(cell.runs)}`};
    case 'measured': {
      const all = cell.runs + cell.diverged;
      if (cell.diverged > 0)
        return {kind: 'unlike-paper', text: `diverged in ${cell.diverged} of ${all} runs`};
      if (paperDiverged && cell.mean < NOTHING_LEARNED) {
        return {
          kind: 'unlike-paper',
          text: `stayed finite but learned nothing, where the paper's network diverged${allOf(all)}`,
        };
      }
      return paperDiverged
        ? {kind: 'unlike-paper', text: `converged, unlike the paper${allOf(all)}`}
        : {kind: 'as-in-paper', text: `converged as in the paper${allOf(all)}`};
    }
  }
}

function allOf(runs: number): string {
  return runs === 1 ? '' : ` (all ${runs} runs)`;
}

/**
 * Whether row a is above row b, as the paper says. The noise is the spread of a difference of two single runs, the
 * root of the summed squares of both spreads over seeds: a difference no larger could be one of seeds.
 */
export function differenceVerdict(a: Cell, b: Cell, digits = 1): Verdict {
  if (a.kind !== 'measured') return noVerdict(a);
  if (b.kind !== 'measured') return noVerdict(b);
  const difference = a.mean - b.mean;
  const shown = signed(difference, digits);
  if (a.spread === undefined || b.spread === undefined) {
    return {kind: 'no-verdict', text: `${shown}; one seed: no verdict`};
  }
  const noise = Math.hypot(a.spread, b.spread);
  const figures = `${shown}, noise ${noise.toFixed(digits)}`;
  if (Math.abs(difference) <= noise) return {kind: 'within-noise', text: `within noise (${figures})`};
  return difference > 0
    ? {kind: 'confirmed', text: `confirmed (${figures})`}
    : {kind: 'not-confirmed', text: `not confirmed (${figures})`};
}

/**
 * Whether b is below a by the share of a that the paper says, or more. The runs of one seed are compared with one another: they
 * train at the same time, so that what else the machine does slows both. The noise is the spread of their shares; it has to
 * set the measured share apart from either the paper's or from none for a verdict.
 * @param share of the paper, such as 0.27
 */
export function shareVerdict(a: Cell, b: Cell, share: number): Verdict {
  if (a.kind !== 'measured') return noVerdict(a);
  if (b.kind !== 'measured') return noVerdict(b);
  const shares = a.values.flatMap(({seed, value}) => {
    const other = b.values.find(found => found.seed === seed);
    return other === undefined ? [] : [1 - other.value / value];
  });
  if (shares.length === 0) return {kind: 'no-verdict', text: 'no verdict: no seed has both rows'};
  const {mean, spread: noise} = meanAndSpread(shares);
  const shown = `${percent(mean)} less, ${percent(share)} in the paper`;
  if (noise === undefined) return {kind: 'no-verdict', text: `${shown}; one seed: no verdict`};
  const figures = `${shown}, noise ${percent(noise)}`;
  if (mean < share - noise) return {kind: 'not-confirmed', text: `not confirmed (${figures})`};
  return mean > noise
    ? {kind: 'confirmed', text: `confirmed (${figures})`}
    : {kind: 'within-noise', text: `within noise (${figures})`};
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function noVerdict({kind}: Exclude<Cell, {readonly kind: 'measured'}>): Verdict {
  switch (kind) {
    case 'not-run':
      return {kind: 'no-verdict', text: 'no verdict: not all rows have a figure'};
    case 'no-objects':
      return {kind: 'no-verdict', text: 'no verdict: no objects of this size'};
    case 'diverged':
      return {kind: 'no-verdict', text: 'no verdict: a row diverged'};
  }
}

export type ClaimVerdict = {
  readonly claim: PaperClaim;
  /** The paper's difference, such as +0.4. */
  readonly paper: string;
  readonly verdict: Verdict;
};

/** Every claim of the table against the measured cells. */
export function claimVerdicts(table: PaperTable, cellOf: CellOf): readonly ClaimVerdict[] {
  return table.claims.map(claim => {
    const digits = table.metrics.find(({id}) => id === claim.metric)?.digits ?? 1;
    const printed = (row: string) => table.rows.find(({id}) => id === row)?.values[claim.metric];
    const [above, below] = [printed(claim.row), printed(claim.than)];
    const [a, b] = [cellOf(claim.row, claim.metric), cellOf(claim.than, claim.metric)];
    return {
      claim,
      paper: typeof above === 'number' && typeof below === 'number' ? signed(above - below, digits) : 'n/a',
      verdict: claim.share === undefined ? differenceVerdict(a, b, digits) : shareVerdict(a, b, claim.share),
    };
  });
}

/** With its sign; a difference that rounds to nothing has none. */
export function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value > 0 ? '+' : '-'}${text}`;
}
