import type { WatchScope } from '../scope.ts';
import type { FeedChannel, PollSteps } from './redis-commands.ts';
import { encodeMessage, publishedIds, type ScopeChange } from './redis-messages.ts';

export interface ScopePublisherOptions {
  readonly steps: Pick<PollSteps, 'run'>;
  readonly feed: FeedChannel;
  /** Id of the candidate. It changes when the replica registers again. */
  readonly candidate: () => string;
  /** Time for which Redis keeps the scope while no replica follows the feed, in milliseconds. */
  readonly retentionMs: number;
}

interface PublishedScope {
  /** Null: the candidate has no subscribers. */
  readonly everything: boolean | null;
  readonly ids: ReadonlySet<string>;
}

const nothing: PublishedScope = { everything: null, ids: new Set() };

/** Publishes in Redis what the subscribers of a candidate watch, by its changes. */
export class ScopePublisher {
  readonly #options: ScopePublisherOptions;
  /** Scope that the subscribers watch; null: there are none. */
  #scope: WatchScope | null = null;
  #published = nothing;
  /** Whether Redis has exactly `#published`. Otherwise it has a part of it. */
  #isComplete = true;
  #publishing: Promise<void> = Promise.resolve();

  constructor(options: ScopePublisherOptions) {
    this.#options = options;
  }

  /** Whether Redis has the scope. Otherwise call `publish` again. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** @param scope null: the candidate has no subscribers */
  change(scope: WatchScope | null): Promise<void> {
    this.#scope = scope;
    return this.publish();
  }

  /** @throws {UpstreamUnreachableError} Redis is unreachable; it may have the scope or a part of it */
  publish(): Promise<void> {
    const everything = this.#scope?.everything ?? null;
    const ids = publishedIds(this.#scope);
    const known = this.#published;
    const added = this.#isComplete ? [...ids].filter((id) => !known.ids.has(id)) : [...ids];
    const removed = [...known.ids].filter((id) => !ids.has(id));
    const isSame = everything === known.everything && added.length + removed.length === 0;
    // Most subscribers that join or leave do not change the scope.
    if (this.#isComplete && isSame) return this.#publishing;
    this.#published = { everything, ids };
    this.#isComplete = true;
    this.#publishing = this.#send({ kind: 'scope', everything, added, removed });
    return this.#publishing;
  }

  /** Redis has nothing of the candidate any longer. */
  lapse(): void {
    this.#published = nothing;
    this.#isComplete = this.#scope === null;
  }

  async #send(change: ScopeChange): Promise<void> {
    const { steps, feed, candidate: id, retentionMs } = this.#options;
    const { everything, added, removed } = change;
    const candidate = id();
    const flag = everything === null ? '' : `${Number(everything)}`;
    const counted = [added, removed].flatMap((ids) => [`${ids.length}`, ...ids]);
    const message = encodeMessage(candidate, change);
    try {
      await steps.run(feed, ['publishScope', candidate, `${retentionMs}`, flag, ...counted, message]);
    } catch (error) {
      this.#isComplete = false;
      // Redis may have executed the step.
      this.#published = { ...this.#published, ids: new Set([...this.#published.ids, ...added, ...removed]) };
      throw error;
    }
  }
}
