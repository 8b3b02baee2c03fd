import type { Clock } from '../runtime/clock.ts';
import { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Platform } from './http/operation.ts';
import { RequestRate } from './http/request-rate.ts';
import { importSeed } from './import/import-seed.ts';
import type { Activity } from './jobs/activity.ts';
import { BatchFolders } from './jobs/batch-folder.ts';
import { ExportJobRunner } from './jobs/export-job-runner.ts';
import { PastBatchFiles } from './jobs/past-batch-files.ts';
import { Scheduler } from './jobs/scheduler.ts';
import { SegmentJobRunner } from './jobs/segment-job-runner.ts';
import { seedPlatform } from './seed/platform-state.ts';
import type { Settings } from './settings/settings.ts';
import { openStateFolder } from './state-folder.ts';
import { createPlatformStore } from './store/platform-store.ts';
import { AccessTokens, type IssuedTokens } from './store/platform-store-tokens.ts';

/** Settings and services that outlive a reset. */
export interface PlatformOptions {
  readonly directory: string;
  readonly profiles: number;
  readonly seed: number;
  /** Folder with user data that replaces the generated data. */
  readonly seedFolder: string | undefined;
  readonly clientSecrets: readonly string[];
  readonly concurrentExports: number;
  readonly memoryLimitMiB: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: Settings;
  readonly activity: Activity;
}

/** An open platform. Closing the lifecycle interrupts its jobs and closes its database. */
export interface OpenPlatform {
  readonly platform: Platform;
  readonly lifecycle: Lifecycle;
}

/**
 * Opens the state of the folder, seeds a new folder, and resumes jobs and schedules.
 * @param tokens tokens that are valid in addition to those of the folder
 * @throws {EmulatorNotInstalledError} when the package of the database is missing
 * @throws {StateFolderError} when the folder cannot be used
 * @throws {SeedError} when the data of the seed folder cannot be used
 * @throws {Error} when `signal` aborts; the seeding is then rolled back
 */
export async function openPlatform(
  options: PlatformOptions,
  { tokens, signal }: { readonly tokens: IssuedTokens; readonly signal: AbortSignal | undefined },
): Promise<OpenPlatform> {
  const lifecycle = new Lifecycle();
  try {
    return { platform: await open(options, lifecycle, tokens, signal), lifecycle };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

/**
 * Minimum number of profiles for which reopening the database pays off. For 10,000 profiles it frees 65 MiB of memory.
 */
const manyProfiles = 1_000;

/**
 * Maximum number of generated profiles for which the database has one thread. Their records fit into one vector of
 * DuckDB (2,048 rows), and their events into one row group. A kept folder with more profiles than that is only slower.
 */
const maxProfilesOfOneThread = 2_000;

async function open(
  { directory, profiles, seed, seedFolder, settings, activity, memoryLimitMiB, ...options }: PlatformOptions,
  lifecycle: Lifecycle,
  tokens: IssuedTokens,
  signal: AbortSignal | undefined,
): Promise<Platform> {
  const { clock, logger, concurrentExports } = options;
  const threads = seedFolder === undefined && profiles <= maxProfilesOfOneThread ? 1 : undefined;
  const limits = { memoryLimitMiB, threads };
  let database = await openStateFolder(directory, limits);
  lifecycle.add('database', async () => database[Symbol.asyncDispose]());
  // Closing the database interrupts its statements, which take most of the time. The lifecycle reports a failure to
  // close.
  using _ = onAbort(signal, () => void database[Symbol.asyncDispose]().then(undefined, () => undefined));
  let store = createPlatformStore(database);
  logger.debug({ directory, profiles }, 'the platform emulator opens or seeds its state');
  const isNew = (await store.sandboxes.list()).length === 0;
  if (seedFolder === undefined) await seedPlatform(database, store, { profiles, seed, now: clock.now() });
  else await importSeed(database, store, { folder: seedFolder, seed, now: clock.now(), signal });
  if (isNew && (seedFolder !== undefined || profiles >= manyProfiles)) {
    // DuckDB keeps the memory used for writing rows until it is closed, even after a checkpoint.
    await database[Symbol.asyncDispose]();
    database = await openStateFolder(directory, limits);
    store = createPlatformStore(database);
  }

  const folders = new BatchFolders(directory);
  const shared = { database, store, folders, clock, logger, pace: settings.pace, quirks: settings.quirks };
  const working = { ...shared, clock: activity.restingClock(clock), activity };
  const runner = new ExportJobRunner({ ...working, concurrentExports });
  lifecycle.add('export jobs', () => runner[Symbol.asyncDispose]());
  const segmentJobs = new SegmentJobRunner(working);
  lifecycle.add('segment jobs', () => segmentJobs[Symbol.asyncDispose]());
  const scheduler = new Scheduler({ ...working, exportJobs: runner, segmentJobs });
  lifecycle.add('schedules', () => scheduler[Symbol.asyncDispose]());

  const platform = {
    ...shared,
    tokens: await AccessTokens.open(database, clock, tokens),
    clientSecrets: options.clientSecrets,
    runner,
    segmentJobs,
    scheduler,
    entityRequests: new RequestRate(clock, () => settings.quirks.entitiesPerSecond),
    pastBatchFiles: new PastBatchFiles(database, store, folders, clock),
  };
  await runner.resume();
  await segmentJobs.resume();
  scheduler.start();
  signal?.throwIfAborted();
  return platform;
}

/**
 * Calls `act` once when the signal aborts, or immediately if it has already aborted. Disposing removes the listener.
 */
function onAbort(signal: AbortSignal | undefined, act: () => void): Disposable {
  if (signal?.aborted) act();
  signal?.addEventListener('abort', act, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', act) };
}
