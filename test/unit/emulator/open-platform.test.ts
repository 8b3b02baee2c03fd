import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Activity } from '../../../src/emulator/jobs/activity.ts';
import { openPlatform } from '../../../src/emulator/open-platform.ts';
import { parseQuirks } from '../../../src/emulator/settings/quirk-values.ts';
import { Settings } from '../../../src/emulator/settings/settings.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('a platform that was seeded', () => {
  it('keeps none of the memory in which its rows were written', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aep-open-platform-'));
    const { platform, lifecycle } = await openPlatform(
      {
        ...{ directory, profiles: 1_000, seed: 1, seedFolder: undefined, clientSecrets: ['emulator'] },
        ...{ concurrentExports: 1, memoryLimitMiB: 512, clock: new FakeClock() },
        ...{ logger: createLogger({ level: 'silent' }), activity: new Activity() },
        settings: new Settings({ pace: {}, quirks: parseQuirks({}) }),
      },
      { tokens: new Map(), signal: undefined },
    );
    try {
      const [held] = await platform.database.all<{ bytes: number }>(
        "SELECT sum(memory_usage_bytes)::BIGINT AS bytes FROM duckdb_memory() WHERE tag IN ('IN_MEMORY_TABLE', 'ART_INDEX')",
      );
      expect(held).toEqual({ bytes: 0 });
      expect((await platform.store.sandboxes.list()).map(({ name }) => name)).toEqual(['prod', 'dev']);
    } finally {
      await lifecycle.close();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
