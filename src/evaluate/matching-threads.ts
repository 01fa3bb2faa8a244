/**
 * Matching on several cores. The pairs are cut into chunks of similar work; worker threads and the calling thread,
 * which has nothing to wait for while the others start, take one after the other, the largest first. Every pair is
 * matched as it would be in one thread, so the numbers are the same to the bit.
 */
import {availableParallelism} from 'node:os';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import {RunError, UsageError} from '../errors.js';
import {type MaskTable, maskCount} from '../masks/mask-table.js';
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import {joinOutcomes, type Outcomes, type PairLists, pairMatcher} from './coco-outcomes.js';
import type {CocoParameters} from './coco-parameters.js';
import {type Chunk, claimChunk, type MatchedChunk, type MatchingWork} from './matching-work.js';
import {shareGroundTruth, sharePairLists, shareResults} from './shared-columns.js';

export type CoreOptions = {
  /** Threads that work, the calling one among them; by default as many as there are cores. Small inputs take one. */
  readonly cores?: number;
  /** Called with the number of pairs (an image and a category) that have been matched, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the work: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
};

/** Nanoseconds on one core, as measured: for a pair with objects and detections, one overlap, and the runs of its masks. */
const PAIR_COST = 3000;
const OVERLAP_COST = 10;
const RUN_COST = 0.25;

/** A thread needs 50 ms to start; from here on two are faster than one. */
const WORTH_A_THREAD = 100e6;

/** Chunks for each core, so that none waits long for the last one. */
const CHUNKS_A_CORE = 8;

/** What tests replace: the program of a worker thread, and the cost from which there are threads. */
export type ThreadSetup = {readonly program?: URL; readonly worthwhile?: number};

const THREAD = new URL('./matching-thread.js', import.meta.url);

/**
 * Outcomes of all pairs of every category. The event loop of the calling thread turns after each chunk that it matches.
 * @throws RunError when a thread fails, and the signal's reason when it is aborted. No thread is left in either case.
 */
export async function matchOnCores(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  parameters: CocoParameters,
  lists: readonly PairLists[],
  {cores = availableParallelism(), onProgress, signal}: CoreOptions,
  {program = THREAD, worthwhile = WORTH_A_THREAD}: ThreadSetup = {},
): Promise<readonly Outcomes[]> {
  if (!(Number.isInteger(cores) && cores > 0)) {
    throw new UsageError(`cores is ${cores}; give a whole number above 0`);
  }
  signal?.throwIfAborted();
  const {chunks, cost} = cutIntoChunks(lists, overlapCost(groundTruth, results, parameters), cores);
  const alone = cores === 1 || cost < worthwhile;
  const work: MatchingWork = {
    groundTruth: alone ? groundTruth : shareGroundTruth(groundTruth),
    results: alone ? results : shareResults(results),
    parameters,
    lists: alone ? lists : lists.map(sharePairLists),
    chunks,
    next: new Int32Array(new SharedArrayBuffer(4)),
  };
  const matched = new Array<Outcomes>(chunks.length);
  const total = chunks.reduce((sum, {from, to}) => sum + to - from, 0);
  let done = 0;
  const accept = ({index, outcomes}: MatchedChunk) => {
    matched[index] = outcomes;
    done += chunks[index]!.to - chunks[index]!.from;
    onProgress?.(done, total);
  };
  const match = pairMatcher(work.groundTruth, work.results, parameters);
  const team = new ThreadTeam(program, work, alone ? 0 : Math.min(cores, chunks.length) - 1);
  const wake = () => team.wake();
  signal?.addEventListener('abort', wake);
  try {
    while (done < total) {
      signal?.throwIfAborted();
      const index = claimChunk(work);
      if (index === undefined) {
        await team.nextEvent();
      } else {
        const {k, from, to} = chunks[index]!;
        accept({index, outcomes: match(lists[k]!, from, to)});
        await nextTurn();
      }
      for (const chunk of team.takeMatched()) accept(chunk);
    }
  } finally {
    signal?.removeEventListener('abort', wake);
    await team.dismiss();
  }
  return byCategory(lists.length, chunks, matched);
}

/** Worker threads on one piece of work. */
class ThreadTeam {
  private readonly threads: readonly Worker[];
  private running: number;
  private matched: MatchedChunk[] = [];
  private failure: Error | undefined;
  private waiting: (() => void) | undefined;

  constructor(program: URL, work: MatchingWork, count: number) {
    this.running = count;
    this.threads = Array.from({length: count}, () => {
      const thread = new Worker(program, {workerData: work});
      thread.on('message', (chunk: MatchedChunk) => {
        this.matched.push(chunk);
        this.wake();
      });
      thread.on('error', error => {
        this.failure ??= threadError(error.message, error);
        this.wake();
      });
      thread.on('exit', code => {
        this.running--;
        if (code !== 0) this.failure ??= threadError(`it ended with exit code ${code}`);
        this.wake();
      });
      return thread;
    });
  }

  /** Chunks that arrived since the last call. @throws RunError when a thread has failed. */
  takeMatched(): readonly MatchedChunk[] {
    if (this.failure !== undefined) throw this.failure;
    const matched = this.matched;
    this.matched = [];
    return matched;
  }

  /** Resolves when a thread has matched a chunk or ended, or someone calls wake. */
  async nextEvent(): Promise<void> {
    if (this.matched.length > 0 || this.failure !== undefined) return;
    if (this.running === 0) throw threadError('it ended before its work was done');
    await new Promise<void>(resolve => {
      this.waiting = resolve;
    });
  }

  wake(): void {
    this.waiting?.();
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.threads.map(thread => thread.terminate()));
  }
}

function threadError(what: string, cause?: Error): RunError {
  return new RunError(`a thread of the evaluation failed: ${what}; on one core it needs no threads`, {cause});
}

function overlapCost(groundTruth: CocoGroundTruth, results: CocoResults, {iouType}: CocoParameters): number {
  const runs = (masks: MaskTable | undefined) => (masks ? masks.runs.length / (maskCount(masks) || 1) : 0);
  return iouType === 'bbox'
    ? OVERLAP_COST
    : OVERLAP_COST + RUN_COST * (runs(groundTruth.masks) + runs(results.masks));
}

/** Cuts every category's pairs into chunks, the costliest first. `cost` is that of all on one core. */
function cutIntoChunks(
  lists: readonly PairLists[],
  costOfOverlap: number,
  cores: number,
): {readonly chunks: readonly Chunk[]; readonly cost: number} {
  const costs = lists.map(list => pairCosts(list, costOfOverlap));
  const total = costs.reduce((sum, ofCategory) => ofCategory.reduce((a, b) => a + b, sum), 0);
  const limit = total / (CHUNKS_A_CORE * cores);
  const chunks: (Chunk & {readonly cost: number})[] = [];
  costs.forEach((ofCategory, k) => {
    let from = 0;
    let cost = 0;
    ofCategory.forEach((pairCost, p) => {
      cost += pairCost;
      if (cost < limit && p + 1 < ofCategory.length) return;
      if (cost === 0) return; // nothing to compare in any of them
      chunks.push({k, from, to: p + 1, cost});
      from = p + 1;
      cost = 0;
    });
  });
  chunks.sort((a, b) => b.cost - a.cost);
  return {chunks, cost: total};
}

function pairCosts({detectionStarts, groundTruthStarts}: PairLists, costOfOverlap: number): Float64Array {
  const costs = new Float64Array(detectionStarts.length - 1);
  for (let p = 0; p < costs.length; p++) {
    const detections = detectionStarts[p + 1]! - detectionStarts[p]!;
    const objects = groundTruthStarts[p + 1]! - groundTruthStarts[p]!;
    const overlaps = detections * objects;
    costs[p] = overlaps > 0 ? PAIR_COST + overlaps * costOfOverlap : 0;
  }
  return costs;
}

function byCategory(
  categoryCount: number,
  chunks: readonly Chunk[],
  matched: readonly Outcomes[],
): readonly Outcomes[] {
  const parts = Array.from({length: categoryCount}, () => [] as {from: number; outcomes: Outcomes}[]);
  chunks.forEach(({k, from}, index) => {
    parts[k]!.push({from, outcomes: matched[index]!});
  });
  return parts.map(ofCategory =>
    joinOutcomes(ofCategory.sort((a, b) => a.from - b.from).map(part => part.outcomes)),
  );
}
