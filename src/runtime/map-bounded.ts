/**
 * Maps with at most `concurrency` calls at a time. The results are in the order of the items. After the first failure
 * no further call starts, and the failure is thrown when the calls in progress have ended.
 */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const [only] = items;
  // Most reads need one call, for which the rest would cost more than the call.
  if (items.length === 1 && only !== undefined) return [await map(only)];
  const results: Result[] = [];
  const entries = items.entries();
  let failed = false;
  const work = async () => {
    for (const [index, item] of entries) {
      if (failed) return;
      try {
        results[index] = await map(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(concurrency, items.length) }, work));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}
