/** Many small asynchronous jobs, a few at a time. */

/**
 * Results of `job` for every item, in the order of the items, with at most `limit` under way. The first failure stops the
 * start of further jobs and is thrown when those under way have ended.
 */
export async function concurrently<T, R>(
  items: readonly T[],
  limit: number,
  job: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failure: {readonly error: unknown} | undefined;
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        results[index] = await job(items[index] as T, index);
      } catch (error) {
        failure ??= {error};
      }
    }
  };
  await Promise.all(Array.from({length: Math.min(limit, items.length)}, worker));
  if (failure !== undefined) throw failure.error;
  return results;
}
