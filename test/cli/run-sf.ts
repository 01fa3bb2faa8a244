/** The built command as a person runs it. */
import {type ChildProcess, type ExecFileOptions, execFile, spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';

export const SF = fileURLToPath(new URL('../../bin/sf.js', import.meta.url));

export type Ended = {readonly code: number; readonly stdout: string; readonly stderr: string};

export function runSf(options: ExecFileOptions, ...args: readonly string[]): Promise<Ended> {
  return new Promise(done => {
    execFile(process.execPath, [SF, ...args], {...options, encoding: 'utf8'}, (error, stdout, stderr) => {
      done({code: error === null ? 0 : Number(error.code), stdout, stderr});
    });
  });
}

export type Running = {
  readonly child: ChildProcess;
  /** Resolves when stderr so far matches; rejects when the process ends first. */
  readonly until: (pattern: RegExp) => Promise<void>;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stderr: string;
  }>;
};

export function startSf(options: {readonly env: NodeJS.ProcessEnv}, ...args: readonly string[]): Running {
  const child = spawn(process.execPath, [SF, ...args], {...options, stdio: ['ignore', 'ignore', 'pipe']});
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Awaited<Running['ended']>>(done => {
    child.on('close', (code, signal) => done({code, signal, stderr}));
  });
  const until = (pattern: RegExp) =>
    new Promise<void>((done, failed) => {
      const look = () => {
        if (pattern.test(stderr)) done();
      };
      child.stderr.on('data', look);
      look();
      void ended.then(() => failed(new Error(`ended without ${pattern}: ${stderr}`)));
    });
  return {child, until, ended};
}
