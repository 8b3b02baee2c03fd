type Duration = readonly [shortestMs: number, longestMs: number];

/** A pace of the emulator that spends as long in each stage, and in which batches are promoted with the end of their job. */
export const everyStage = (stage: Duration) => ({
  newMs: stage,
  queuedMs: stage,
  segmentingMs: stage,
  exportingMs: stage,
  writingMs: stage,
  cancellingMs: stage,
  promotingMs: [0, 0] as Duration,
});
