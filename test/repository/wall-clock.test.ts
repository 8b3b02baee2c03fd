import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scanModule } from './source-scan.ts';

/**
 * Folders (with a trailing slash) or files that calculate with the wall clock, which can be set at any time. Pauses,
 * leases, expiries and ages are measured with `monotonicMs`, so they do not belong here.
 */
const allowed: readonly (readonly [area: string, reason: string])[] = [
  ['src/context/download-links.ts', 'other replicas read the end of a link'],
  [
    'src/events/subscriber/token-expiry.ts',
    'the issuer of a token names its end; the rest of its life is measured in monotonic time',
  ],
  [
    'src/events/subscriber/selection.ts',
    'the platform names the end of a job, which is compared with the present time',
  ],
  ['src/emulator/', 'its times are those of the platform, which clients read and a database keeps'],
  ['src/polling/lateness.ts', 'the platform names the creation of a job; steps of the wall clock are subtracted'],
  ['src/polling/comparison.ts', 'the platform names the end of a job, and other replicas read when one was seen'],
];

const root = join(import.meta.dirname, '../..');

const readsWallClock = (path: string, source: string): boolean =>
  scanModule(path, source).uses.includes('milliseconds of the wall clock');

const reading = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => `src/${path.replaceAll('\\', '/')}`)
  .filter((path) => readsWallClock(path, readFileSync(join(root, path), 'utf8')));

const covers = (area: string, path: string): boolean => (area.endsWith('/') ? path.startsWith(area) : path === area);

describe('milliseconds of the wall clock', () => {
  it('are used in calculations only in the listed places', () => {
    expect(reading.filter((path) => !allowed.some(([area]) => covers(area, path)))).toEqual([]);
  });

  it('are calculated with in each listed place, so that the list becomes no longer than it must be', () => {
    expect(allowed.filter(([area]) => !reading.some((path) => covers(area, path)))).toEqual([]);
  });

  it.each([
    'const nowMs = clock.now().getTime();',
    'const leftMs = at - this.#options.clock.now().getTime();',
    'const nowMs = clock\n  .now()\n  .getTime();',
    'const nowMs = clock.now().valueOf();',
    'const nowMs = Number(this.#clock.now());',
  ])('are found in `%s`', (source) => {
    expect(readsWallClock('src/some.ts', source)).toBe(true);
  });

  it.each(['const at = clock.now();', 'const nowMs = clock.monotonicMs();', '// clock.now().getTime() is wrong here.'])(
    'are not found in `%s`',
    (source) => {
      expect(readsWallClock('src/some.ts', source)).toBe(false);
    },
  );
});
