/** Collects what loading left out or corrected: a count and the first example of each kind. */
import type {DatasetNotice} from './dataset.js';

export const EMPTY_BOX = 'box without area left out';

/** More boxes without area than this part of all are no accident: an error. A single one is a notice at any size. */
export const MAX_EMPTY_BOXES = 0.01;

export class Notices {
  private readonly byKind = new Map<string, {count: number; readonly example: string}>();

  add(kind: string, example: string): void {
    const seen = this.byKind.get(kind);
    if (seen === undefined) this.byKind.set(kind, {count: 1, example});
    else seen.count++;
  }

  count(kind: string): number {
    return this.byKind.get(kind)?.count ?? 0;
  }

  example(kind: string): string {
    return this.byKind.get(kind)?.example ?? '';
  }

  /** In the order in which they first came up. */
  get all(): readonly DatasetNotice[] {
    return [...this.byKind].map(([kind, {count, example}]) => ({kind, count, example}));
  }
}
