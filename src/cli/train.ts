/** `sf train`: one run, from a config to its evaluation. */
import {existsSync} from 'node:fs';
import {basename, join, resolve} from 'node:path';
import {Command} from 'commander';
import {dumpConfig} from '../config/dump.js';
import {type ExplicitValue, loadRunConfig} from '../config/load.js';
import {loadMachine} from '../config/machine.js';
import type {RunConfig} from '../config/run.js';
import {parseDataFlag} from '../data/open.js';
import {describeEnvironment} from '../engine/environment.js';
import {UsageError} from '../errors.js';
import {formatCocoStats, statsJson} from '../evaluate/text.js';
import {describeDivergence} from '../train/divergence.js';
import {listenForInterrupt} from '../train/interrupt.js';
import type {JobMessage} from '../train/jobs.js';
import {type FinishedRun, type RunListener, type RunStart, runTraining} from '../train/run.js';
import {type Metrics, requireNoRun} from '../train/run-log.js';
import {
  addEngineOptions,
  dataOption,
  type EngineFlags,
  jsonOption,
  presetOption,
  seedOption,
  setOption,
} from './flags.js';
import {formatDuration, type Progress, progressBar, writeJson, writeOut} from './output.js';
import {machineFlags, openSession} from './session.js';

type TrainFlags = EngineFlags & {
  readonly data?: string;
  readonly preset?: string;
  readonly seed?: number;
  readonly weights?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly force?: boolean;
  readonly set?: readonly string[];
  readonly json?: string;
};

export function trainCommand(): Command {
  const command = new Command('train')
    .description('Train a detector as a config says, and evaluate it on the config’s validation set.')
    .argument('[config]', 'YAML file or name of a shipped config; with --resume: the one of the run')
    .addOption(dataOption())
    .addOption(presetOption())
    .addOption(seedOption())
    .option(
      '--weights <path>',
      "start from a run, a checkpoint (.safetensors) or, for YOLOv3, darknet's weights",
    )
    .option('--out <dir>', 'folder of the run (default: results/runs/<config>-seed<n>-<time>)')
    .option('--resume', 'continue the run in --out from its last checkpoint')
    .option('--force', 'resume although the config has changed')
    .addOption(setOption())
    .addOption(jsonOption())
    .action(runTrain);
  return addEngineOptions(command);
}

async function runTrain(source: string | undefined, flags: TrainFlags): Promise<void> {
  const {name, file} = configOf(source, flags);
  const {config, provenance} = await loadRunConfig(file, {
    preset: flags.preset,
    overrides: flags.set ?? [],
    explicit: explicitValues(flags),
  });
  const {machine} = await loadMachine(machineFlags(flags));
  const runDir = flags.out ?? join(machine.resultsDir, 'runs', `${name}-seed${config.seed}-${timeStamp()}`);
  if (flags.resume !== true) await requireNoRun(runDir);
  const session = await openSession(flags);
  const interrupt = listenForInterrupt(() => {
    process.stderr.write('\nstopping after this step and saving; press Ctrl-C again to stop at once\n');
  });
  stopWithParent();
  const display = new TrainDisplay(config);
  try {
    const result = await runTraining({
      config,
      runDir,
      engine: session.engine,
      data: session.data,
      description: {
        configYaml: dumpConfig(config, provenance),
        environment: await describeEnvironment(),
      },
      resume: flags.resume === true,
      force: flags.force === true,
      signal: interrupt.signal,
      listener: display,
    });
    display.stop();
    await reportResult(result, runDir, flags.json);
    if (result.status === 'interrupted') process.exitCode = interrupt.exitCode() ?? 1;
  } finally {
    session.data.stop();
    display.stop();
    interrupt.stop();
  }
}

/** @throws UsageError when there is neither a config nor a run to take it from. */
function configOf(source: string | undefined, flags: TrainFlags): {name: string; file: string} {
  if (source !== undefined) return {name: basename(source).replace(/\.[^.]*$/, ''), file: source};
  if (flags.resume !== true)
    throw new UsageError('sf train needs a config; `sf config` lists the shipped ones');
  if (flags.out === undefined)
    throw new UsageError('--resume needs --out, the folder of the run to continue');
  const file = join(flags.out, 'config.yaml');
  if (!existsSync(file))
    throw new UsageError(`${flags.out} holds no run to resume: there is no config.yaml in it`);
  return {name: basename(flags.out), file};
}

function explicitValues({seed, weights, data}: TrainFlags): readonly ExplicitValue[] {
  const values: ExplicitValue[] = [];
  if (seed !== undefined) values.push({flag: '--seed', key: 'seed', value: seed});
  if (weights === '')
    throw new UsageError('--weights is empty; name a run, a checkpoint or a file of darknet’s weights');
  if (weights !== undefined) values.push({flag: '--weights', key: 'weights', value: resolve(weights)});
  if (data !== undefined) values.push({flag: '--data', key: 'data', value: parseDataFlag(data)});
  return values;
}

function timeStamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** A run that belongs to a table saves and stops when the process that asked for it is gone. */
function stopWithParent(): void {
  if (process.send === undefined) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

/** Progress of a run for whoever watches: a person at a terminal, a log file, or the process that started it. */
class TrainDisplay implements RunListener {
  private training: Progress | undefined;
  private evaluating: Progress | undefined;
  private iteration = 0;

  constructor(private readonly config: RunConfig) {}

  readonly onNotice = (text: string): void => {
    process.stderr.write(`note: ${text}\n`);
  };

  readonly onStart = ({train, val, imbalance, parameters, startIteration}: RunStart): void => {
    const classes = train.classNames.length;
    const lines = [
      `train on ${train.name} (${train.images.length} images, ${classes} ${classes === 1 ? 'class' : 'classes'}), ` +
        `evaluate on ${val.name} (${val.images.length} images), ${(parameters / 1e6).toFixed(2)} M parameters`,
      ...Object.entries(imbalance).map(
        ([stage, {examples, foreground}]) =>
          `${stage}: N / N_f = ${examples} / ${foreground} = ${(examples / foreground).toFixed(1)}`,
      ),
    ];
    if (startIteration > 0) lines.push(`resuming after iteration ${startIteration}`);
    process.stderr.write(`${lines.join('\n')}\n`);
    this.iteration = startIteration;
    this.training = this.trainingBar();
  };

  readonly onIteration = (metrics: Metrics): void => {
    if (this.evaluating !== undefined) {
      this.evaluating.stop();
      this.evaluating = undefined;
      this.training = this.trainingBar();
    }
    this.iteration = metrics.iteration;
    this.training?.update(metrics.iteration, describeLosses(metrics));
    this.tellParent({
      phase: 'train',
      iteration: metrics.iteration,
      iterations: this.config.schedule.iterations,
    });
  };

  readonly onEvaluationProgress = (done: number, total: number): void => {
    if (this.evaluating === undefined) {
      this.training?.stop();
      this.evaluating = progressBar({label: 'evaluate', total, unit: 'images'});
    }
    this.evaluating.update(done);
    this.tellParent({phase: 'evaluate', iteration: done, iterations: total});
  };

  private trainingBar(): Progress {
    const {iterations} = this.config.schedule;
    return progressBar({label: 'train', total: iterations, start: this.iteration, unit: 'iterations'});
  }

  stop(): void {
    this.training?.stop();
    this.evaluating?.stop();
  }

  private tellParent(message: JobMessage): void {
    // A parent that was killed is noticed by 'disconnect'; a message that no longer reaches it is no error.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}

function describeLosses({total, lr, stages}: Metrics): string {
  const parts = Object.entries(stages).map(
    ([name, {classification, box, w, mask}]) =>
      `${name} cls ${classification.toPrecision(3)} box ${box.toPrecision(3)} w ${w.toPrecision(3)}` +
      (mask === undefined ? '' : ` mask ${mask.toPrecision(3)}`),
  );
  return `loss ${total.toPrecision(3)} (${parts.join('; ')}), lr ${lr.toPrecision(3)}`;
}

async function reportResult(result: FinishedRun, runDir: string, json: string | undefined): Promise<void> {
  const {status, iterations, trainingSeconds, divergence, final} = result;
  if (json !== undefined) {
    const figures =
      final === undefined
        ? {}
        : {
            ...statsJson(final.evaluation),
            ...(final.masks === undefined ? {} : {masks: statsJson(final.masks)}),
          };
    await writeJson(json, {status, iterations, trainingSeconds, divergence, runDir, ...figures});
  }
  const time = `${iterations} iterations in ${formatDuration(trainingSeconds)}`;
  const lines = {
    finished: `finished: ${time}`,
    diverged: `diverged (a result, not an error): ${divergence === undefined ? '' : describeDivergence(divergence)}`,
    interrupted: existsSync(join(runDir, 'config.yaml'))
      ? `interrupted after ${time}; continue with: sf train --resume --out ${runDir}`
      : 'interrupted before the first step; there is nothing to continue, start it again',
  };
  process.stderr.write(`${lines[status]}\nrun folder: ${runDir}\n`);
  if (final === undefined || json === '-') return;
  await writeOut(
    [final.evaluation, final.masks]
      .flatMap(of => of ?? [])
      .map(formatCocoStats)
      .join('\n'),
  );
}
