import { createHash } from 'node:crypto';
import type { EmulatorPace } from '../options.ts';

/** Duration of a stage for a job, in milliseconds. It is always the same for the same id. */
export function stageDurationMs(pace: EmulatorPace, stage: keyof EmulatorPace, jobId: number | string): number {
  const [shortest, longest] = pace[stage];
  const fraction = createHash('sha256').update(`${stage}:${jobId}`).digest().readUInt32BE(0) / 2 ** 32;
  return Math.round(shortest + fraction * (longest - shortest));
}
