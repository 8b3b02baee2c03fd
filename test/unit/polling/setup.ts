import type { ExportJob } from '../../../src/domain/export-job.ts';
import type { WatchEvent } from '../../../src/events/watch.ts';
import { createFeedRegistry, type FeedRegistry, type FeedRegistryOptions } from '../../../src/polling/feed-registry.ts';
import { type ExportJobReader, exportJobSource } from '../../../src/polling/sources/export-jobs.ts';
import { defaultPolling } from '../../support/default-config.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { uncountedPolls } from '../../support/uncounted-metrics.ts';
import { type Ask, FakePlatform, Follower, settle, tenantOf } from './fake-platform.ts';

const stepMs = 1_000;

type Options = Partial<FeedRegistryOptions<ExportJob, ExportJobReader, unknown>>;

/** A registry over a fake platform, without jitter and otherwise with all defaults. */
export class WatchSetup implements AsyncDisposable {
  readonly platform: FakePlatform;
  readonly clock: FakeClock;
  readonly registry: FeedRegistry<ExportJob, ExportJobReader>;
  readonly warnings: unknown[] = [];
  readonly #ownRights: boolean;

  /**
   * @param options.ownRights whether subscribers read with their own credentials.
   * @default true
   */
  constructor({
    platform = new FakePlatform(),
    ownRights = true,
    ...options
  }: Omit<Options, 'source'> & { platform?: FakePlatform; ownRights?: boolean } = {}) {
    this.platform = platform;
    this.#ownRights = ownRights;
    this.clock = platform.clock;
    const logger = { debug: () => undefined, warn: (line: unknown) => this.warnings.push(line) };
    this.registry = createFeedRegistry({
      clock: this.clock,
      logger,
      random: () => 0,
      metrics: uncountedPolls,
      ...defaultPolling,
      ...options,
      source: exportJobSource,
    });
  }

  /** Returns the stream itself, for tests that take events one by one. */
  subscribe(
    ask: Ask = {},
    by = 'someone',
    controller = new AbortController(),
  ): Promise<AsyncIterable<WatchEvent<ExportJob>>> {
    const watch = this.registry.connect(tenantOf(), this.platform.reader(by, this.#ownRights));
    return watch.subscribe({ ids: null, matches: null, ...ask, signal: controller.signal });
  }

  async follow(ask: Ask = {}, by = 'someone'): Promise<Follower> {
    const controller = new AbortController();
    const follower = new Follower(await this.subscribe(ask, by, controller), controller);
    await settle();
    return follower;
  }

  nudge(): void {
    this.registry.connect(tenantOf(), this.platform.reader()).nudge();
  }

  /** Advances time in small steps, so that a round with several turns of the event loop completes in time. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.clock.advanceBy(Math.min(stepMs, left));
      await settle();
    }
  }

  /** Advances time until the next round was made. */
  async nextRound(): Promise<void> {
    await this.clock.tick();
    await settle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.registry.close();
  }
}
