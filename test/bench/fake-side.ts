/**
 * A side that computes nothing: answers as `src/bench/worker.ts` does, writes what it was asked to a log, and fails the way
 * that its arguments say: `node fake-side.js NAME LOG [begin|step] [crash|memory|noise]`.
 */
import {appendFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import type {Request} from '../../src/bench/worker.js';

const [name = '', log = '', failsAt = '', how = ''] = process.argv.slice(2);
const answer = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);

if (how === 'noise') process.stdout.write('a library says hello\n');
answer({detail: name, device: 'cpu', threads: 1, precision: 'fp32', deterministic: false});
let steps = 0;
for await (const line of createInterface({input: process.stdin})) {
  const request = JSON.parse(line) as Request;
  appendFileSync(log, `${name} ${request.do}\n`);
  if (request.do === failsAt && how === 'crash') {
    process.stderr.write('Traceback (most recent call last):\n  somewhere\nValueError: it does not work\n');
    process.exit(1);
  }
  if (request.do === failsAt && how === 'memory') answer({failure: 'DefaultCPUAllocator: not enough memory'});
  else if (request.do === failsAt && how === 'killed') process.kill(process.pid, 'SIGKILL');
  else if (request.do === 'begin') answer({parameters: name === 'another model' ? 2 : 1});
  else if (request.do === 'step') answer({milliseconds: ++steps, operations: 1e9});
  else if (request.do === 'profile') answer({kernels: [], milliseconds: 1});
  else answer({peakBytes: 2 ** 20});
}
