/** What threads that match together share: the columns, the chunks, and which chunk is next. */
import type {CocoGroundTruth, CocoResults} from './coco-data.js';
import type {Outcomes, PairLists} from './coco-outcomes.js';
import type {CocoParameters} from './coco-parameters.js';

/** Pairs `from` to `to` - 1 of category k. */
export type Chunk = {readonly k: number; readonly from: number; readonly to: number};

export type MatchingWork = {
  readonly groundTruth: CocoGroundTruth;
  readonly results: CocoResults;
  readonly parameters: CocoParameters;
  readonly lists: readonly PairLists[]; // [K]
  readonly chunks: readonly Chunk[];
  /** The chunk that is taken next, in shared memory. */
  readonly next: Int32Array; // [1]
};

/** What a thread sends for a chunk. */
export type MatchedChunk = {readonly index: number; readonly outcomes: Outcomes};

/** Index of a chunk that no other thread gets, or undefined when all are taken. */
export function claimChunk({chunks, next}: MatchingWork): number | undefined {
  const index = Atomics.add(next, 0, 1);
  return index < chunks.length ? index : undefined;
}
