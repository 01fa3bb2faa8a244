/** Work of the next items done ahead, while the consumer is busy with this one. */
import {setImmediate as nextTurn} from 'node:timers/promises';

/**
 * Yields load(item) for each item in order, with up to `ahead` later ones under way. A failed load throws where its
 * item is due. When the consumer stops early, what is under way is awaited and dropped: nothing is left running.
 *
 * Every step gives the event loop one turn, even if the item is ready: a consumer that computes synchronously would
 * otherwise never let a finished decode start the work that follows it.
 */
export async function* prefetched<Item, Loaded>(
  items: Iterable<Item>,
  load: (item: Item) => Promise<Loaded>,
  ahead: number,
): AsyncGenerator<Loaded, void, void> {
  const source = items[Symbol.iterator]();
  const underWay: Promise<Loaded>[] = [];
  try {
    for (let exhausted = false; ; ) {
      while (!exhausted && underWay.length <= ahead) {
        const next = source.next();
        if (next.done) {
          exhausted = true;
          break;
        }
        const loading = load(next.value);
        // Handled when its turn comes; until then a rejection must not count as unhandled.
        loading.catch(() => undefined);
        underWay.push(loading);
      }
      const due = underWay.shift();
      if (due === undefined) return;
      await nextTurn();
      yield await due;
    }
  } finally {
    await Promise.allSettled(underWay);
    source.return?.();
  }
}
