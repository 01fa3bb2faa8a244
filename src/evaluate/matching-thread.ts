/** A worker thread that matches chunks of pairs until none is left; see matching-threads.ts. */
import {parentPort, workerData} from 'node:worker_threads';
import {pairMatcher} from './coco-outcomes.js';
import {claimChunk, type MatchedChunk, type MatchingWork} from './matching-work.js';

const work: MatchingWork = workerData;
const match = pairMatcher(work.groundTruth, work.results, work.parameters);
for (let index = claimChunk(work); index !== undefined; index = claimChunk(work)) {
  const {k, from, to} = work.chunks[index]!;
  const outcomes = match(work.lists[k]!, from, to);
  const matched: MatchedChunk = {index, outcomes};
  parentPort!.postMessage(matched, [
    outcomes.positions.buffer as ArrayBuffer,
    outcomes.outcomes.buffer as ArrayBuffer,
  ]);
}
