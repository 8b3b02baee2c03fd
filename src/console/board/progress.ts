interface Expected {
  readonly progress: number | null;
  readonly isTerminal: boolean;
  readonly createdAt: string;
  readonly expectation: { readonly likelyEndAt: string; readonly latestEndAt: string } | null;
}

/** Shares of `ExportJob.progress` at the likely end and at the latest expected end. */
const atLikelyEnd = 0.95;
const atLatestEnd = 0.99;

/**
 * Progress at this moment, from 0 to 1. The gateway computes it when it sends an event. Between two events the page
 * continues it in the same way, because a job that runs as expected has no events.
 * @param now milliseconds since 1970
 */
export function progressNow({ progress, isTerminal, createdAt, expectation }: Expected, now: number): number | null {
  if (isTerminal || expectation === null) return progress;
  const start = Date.parse(createdAt);
  const likely = Date.parse(expectation.likelyEndAt);
  const latest = Date.parse(expectation.latestEndAt);
  if (now >= latest) return atLatestEnd;
  if (now >= likely) return atLikelyEnd + ((atLatestEnd - atLikelyEnd) * (now - likely)) / (latest - likely);
  return (atLikelyEnd * Math.max(0, now - start)) / (likely - start);
}
