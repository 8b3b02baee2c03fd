type Duration = readonly [shortestMs: number, longestMs: number];

/**
 * A pace of the emulator with the same duration for each stage. Batches are promoted together with the end of their
 * job.
 */
export const everyStage = (stage: Duration) => ({
  newMs: stage,
  queuedMs: stage,
  segmentingMs: stage,
  exportingMs: stage,
  writingMs: stage,
  cancellingMs: stage,
  promotingMs: [0, 0] as Duration,
});
