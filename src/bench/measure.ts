/**
 * Measures works on sf's side and on the other one: both live at once in processes of their own, and take turns at every
 * repetition, so that a busy moment of the machine meets both and neither's memory counts for the other.
 */
import {RunError} from '../errors.js';
import type {Case, CaseName, CaseSettings} from './cases.js';
import {Contestant, type Outcome} from './contestant.js';
import type {Profile} from './profile.js';
import type {Program} from './side.js';
import {imagesOf, type Work} from './work.js';
import type {Introduction} from './worker.js';

export type MeasureOptions = {
  readonly height: number;
  readonly width: number;
  /** Undefined: 1, and 2, 4 and 8 too on a GPU. */
  readonly batches: readonly number[] | undefined;
  readonly sf: Program;
  /** The other side, to compute where and how sf said that it does; undefined for sf alone. */
  readonly other: ((sf: Introduction) => Program) | undefined;
  /** In place of the case's own. */
  readonly warmup: number | undefined;
  readonly repeat: number | undefined;
  /** Time a training step and an inference of sf by kernel. */
  readonly profile: boolean;
  readonly onProgress: (work: Work, done: number, total: number) => void;
};

export type Result = {
  readonly case: CaseName;
  readonly work: Work;
  /** Floating point operations of one repetition; undefined where sf could not do it. */
  readonly operations: number | undefined;
  readonly sf: Outcome;
  readonly torchvision: Outcome | undefined;
  /** sf's time by kernel, where it was asked for. */
  readonly profile: Profile | undefined;
};

export type Measurements = {
  readonly sf: Introduction;
  /** Undefined where it was not asked for or could not be started. */
  readonly torchvision: Introduction | undefined;
  readonly results: readonly Result[];
};

const CPU_BATCHES = [1];
const GPU_BATCHES = [1, 2, 4, 8];

/** @throws RunError when sf's side cannot be started, or the two sides train different models */
export async function measure(cases: readonly Case[], options: MeasureOptions): Promise<Measurements> {
  const {height, width, other} = options;
  const sf = new Contestant(() => options.sf);
  // Where and how sf computes decides what there is to measure, and how the other side computes.
  const introduction = await sf.start();
  const torchvision = other === undefined ? undefined : new Contestant(() => other(introduction));
  const onGpu = introduction.device !== 'cpu';
  const settings: CaseSettings = {
    height,
    width,
    onGpu,
    batches: options.batches ?? (onGpu ? GPU_BATCHES : CPU_BATCHES),
  };
  const results: Result[] = [];
  try {
    for (const one of cases) {
      for (const group of one.groups(settings)) {
        for (const work of group)
          results.push(await measureWork(one, work, sf, torchvision, options, group.length === 1));
        // The next group's memory is its own.
        sf.kill();
        torchvision?.kill();
      }
    }
  } finally {
    sf.kill();
    torchvision?.kill();
  }
  return {sf: introduction, torchvision: torchvision?.introduction, results};
}

/** @param alone whether the processes do nothing else, so that their memory is this work's */
async function measureWork(
  of: Case,
  work: Work,
  sf: Contestant,
  torchvision: Contestant | undefined,
  options: MeasureOptions,
  alone: boolean,
): Promise<Result> {
  const {warmup = of.warmup, repeat = of.repeat, onProgress} = options;
  const sides = torchvision === undefined ? [sf] : [sf, torchvision];
  onProgress(work, 0, repeat);
  for (const side of sides) await side.begin(work);
  const trained = sides.flatMap(({parameters}) => parameters ?? []);
  if (new Set(trained).size > 1)
    throw new RunError(`the two sides train different models: of ${trained.join(' and ')} parameters`);

  for (let repetition = -warmup; repetition < repeat; repetition++) {
    for (const side of repetition % 2 === 0 ? sides : sides.toReversed()) await side.step(repetition >= 0);
    if (repetition >= 0) onProgress(work, repetition + 1, repeat);
  }
  if (options.profile && imagesOf(work) !== undefined) await sf.profileStep();
  if (alone) for (const side of sides) await side.end();
  return {
    case: of.name,
    work,
    operations: sf.operations,
    sf: sf.outcome,
    torchvision: torchvision?.outcome,
    profile: sf.profile,
  };
}
