type Duration = readonly [shortestMs: number, longestMs: number];

/** A pace of the emulator that spends as long in each stage. */
export const everyStage = (stage: Duration) => ({
  newMs: stage,
  queuedMs: stage,
  segmentingMs: stage,
  exportingMs: stage,
  writingMs: stage,
  cancellingMs: stage,
});
