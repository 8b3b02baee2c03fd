import { createHash } from 'node:crypto';
import { unionOf, type WatchScope } from '../scope.ts';
import type { FeedChannel } from './redis-commands.ts';
import { type CandidateScope, type ScopeChange, scopeOf } from './redis-messages.ts';
import type { LiveReplicas } from './replicas.ts';

export interface OtherCandidatesOptions {
  readonly feed: Pick<FeedChannel, 'channel'>;
  /** Candidates of replicas that are not live do not count. */
  readonly live: Pick<LiveReplicas, 'has'>;
}

/** The other candidates of a feed that watch something, with their scopes. */
export class OtherCandidates {
  readonly #options: OtherCandidatesOptions;
  readonly #scopes = new Map<string, CandidateScope>();

  constructor(options: OtherCandidatesOptions) {
    this.#options = options;
  }

  /** Replaces all candidates by those in Redis. */
  replace(scopes: ReadonlyMap<string, CandidateScope>): void {
    this.#scopes.clear();
    for (const [candidate, scope] of scopes) this.#scopes.set(candidate, scope);
  }

  /** Applies a change that a candidate has published. */
  change(candidate: string, { everything, added, removed }: ScopeChange): void {
    if (everything === null) {
      this.#scopes.delete(candidate);
      return;
    }
    const scope = this.#scopes.get(candidate) ?? { everything, ids: new Set() };
    this.#scopes.set(candidate, scope);
    scope.everything = everything;
    for (const id of added) scope.ids.add(id);
    for (const id of removed) scope.ids.delete(id);
  }

  /** Union of the scopes of live candidates; null: there is none. */
  get scope(): WatchScope | null {
    const { live } = this.#options;
    return unionOf([...this.#scopes].filter(([candidate]) => live.has(candidate)).map(([, scope]) => scopeOf(scope)));
  }

  /**
   * Number of live candidates that come before a candidate when the feed has no holder. Every replica computes the same
   * ranking. Each feed has a different one, so that feeds are spread over the replicas.
   * @param releasedBy the candidate that released the feed. It comes last. Null: none has released it.
   */
  rankOf(own: string, releasedBy: string | null): number {
    const { feed, live } = this.#options;
    const weight = releasedBy === own ? '' : weightOf(feed, own);
    return [...this.#scopes.keys()].filter(
      (candidate) => candidate !== releasedBy && live.has(candidate) && weightOf(feed, candidate) > weight,
    ).length;
  }
}

const weightOf = ({ channel }: Pick<FeedChannel, 'channel'>, candidate: string): string =>
  createHash('sha1').update(`${channel} ${candidate}`).digest('hex');
