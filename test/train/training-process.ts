/** Runs `training-child` and waits for what it prints. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';

export type ChildOptions = {
  readonly runDir: string;
  readonly iterations: number;
  readonly checkpointEvery: number;
  readonly padding?: number;
  readonly pause?: number;
};

export type Ending = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly last: number;
};

/** @param onIteration called with the process after each iteration it reports, to kill it */
export async function trainInChild(
  options: ChildOptions,
  onIteration: (iteration: number, child: ChildProcess) => void = () => {},
): Promise<Ending> {
  const {runDir, iterations, checkpointEvery, padding = 1, pause = 0} = options;
  const script = fileURLToPath(new URL('training-child.js', import.meta.url));
  const args = [script, runDir, ...[iterations, checkpointEvery, padding, pause].map(String)];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
  let last = 0;
  const exit = once(child, 'exit');
  for await (const line of createInterface({input: child.stdout})) {
    const iteration = /^iteration (\d+)$/.exec(line)?.[1];
    if (iteration === undefined) continue;
    last = Number(iteration);
    onIteration(last, child);
  }
  const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null];
  return {code, signal, last};
}
