/** Shows many runs at once: one bar over all their iterations, and a line for each run that ends. */
import type {Outcome} from '../../experiments/execute.js';
import type {PlannedRun} from '../../experiments/plan.js';
import {describeDivergence} from '../train/divergence.js';
import type {JobMessage} from '../train/jobs.js';
import {formatDuration, type Progress, progressBar} from './output.js';

export class ExperimentDisplay {
  private readonly bar: Progress;
  private readonly iterationsOf: Map<string, number>;
  private readonly notes = new Map<string, string>();

  /** @param startAt iterations of earlier sessions by run id: they count as done, and not into the rate */
  constructor(label: string, runs: readonly PlannedRun[], startAt: ReadonlyMap<string, number>) {
    const total = runs.reduce((sum, run) => sum + plannedIterations(run), 0);
    this.iterationsOf = new Map(startAt);
    this.bar = progressBar({label, total, start: this.done(), unit: 'iterations', lineEvery: 30});
  }

  readonly onProgress = (run: PlannedRun, {phase, iteration, iterations}: JobMessage): void => {
    if (phase === 'train') this.iterationsOf.set(run.id, iteration);
    this.notes.set(run.id, `${run.id} ${phase} ${iteration}/${iterations}`);
    this.update();
  };

  readonly onOutcome = (outcome: Outcome): void => {
    const {run, status} = outcome;
    // A run that diverged makes no more; one that was interrupted or failed stays where it is.
    if (status === 'finished' || status === 'diverged') {
      this.iterationsOf.set(run.id, plannedIterations(run));
    }
    this.notes.delete(run.id);
    this.bar.log(describeOutcome(outcome));
    this.update();
  };

  stop(): void {
    this.bar.stop();
  }

  private update(): void {
    this.bar.update(this.done(), [...this.notes.values()].join(', '));
  }

  private done(): number {
    return [...this.iterationsOf.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Runs that evaluate another one's weights train nothing. */
function plannedIterations(run: PlannedRun): number {
  return run.trainedBy === undefined ? run.config.schedule.iterations : 0;
}

function describeOutcome({run, status, stats, result, error}: Outcome): string {
  const name = `${run.row.label}, seed ${run.seed}`;
  const time = result === undefined ? '' : ` (${formatDuration(result.trainingSeconds)})`;
  switch (status) {
    case 'finished': {
      const percent = (value: number) => (value === -1 ? 'none' : (100 * value).toFixed(1));
      return `${name}: AP ${percent(stats!.AP)}, AP50 ${percent(stats!.AP50)}${time}`;
    }
    case 'diverged':
      return `${name}: ${result?.divergence === undefined ? 'diverged' : describeDivergence(result.divergence)}`;
    case 'interrupted':
      return `${name}: interrupted and saved`;
    case 'failed':
      return `${name}: failed: ${error}`;
    case 'not-run':
      return `${name}: not run`;
  }
}
