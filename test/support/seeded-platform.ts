import { seedPlatform } from '../../src/emulator/seed/platform-state.ts';
import { createPlatformStore } from '../../src/emulator/store/platform-store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { putSeeded } from './seeded-folder.ts';

export interface SeededPlatform {
  readonly profiles: number;
  readonly seed: number;
  /** Time at which the seeded history ends. @default the last quarter of an hour */
  readonly now: Date | undefined;
}

/**
 * Maximum age of a cached platform whose history ends at the current time, in milliseconds. Its schedules are due on
 * quarters of an hour, so that none has become due since.
 */
const maxAgeMs = 900_000;

/** Writes the state that the emulator would seed into an empty folder. */
export function putSeededPlatform(directory: string, { profiles, seed, now }: SeededPlatform): Promise<void> {
  const seededAt = now ?? new Date(Math.floor(systemClock.now().getTime() / maxAgeMs) * maxAgeMs);
  return putSeeded(directory, JSON.stringify({ profiles, seed, seededAt }), (database) =>
    seedPlatform(database, createPlatformStore(database), { profiles, seed, now: seededAt }),
  );
}
