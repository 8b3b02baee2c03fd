import type { Config } from '../config/config.ts';
import type { Watch } from '../events/watch.ts';
import type { PollMetrics } from '../metrics/polling.ts';
import type { RunStatistics } from '../runs/run-statistics.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Tracing } from '../tracing/trace.ts';
import type { Caller } from '../upstream/caller.ts';
import type { PlatformApi, Upstream } from '../upstream/platform-api.ts';
import type { RightProof } from './authorization.ts';
import { createFeedRegistry, type FeedRegistry, type FeedSharing, type ProvenReader } from './feed-registry.ts';
import type { PlatformHolds } from './holds.ts';
import type { FeedSource, RoundCalls } from './sources/source.ts';

/** The parts of the gateway that the feeds of every kind use. */
export interface WatchServices {
  readonly upstream: Pick<Upstream, 'connect'>;
  /** Whether callers read with their own credentials instead of the gateway's. */
  readonly ownRights: boolean;
  readonly sharing: FeedSharing;
  readonly polling: Config['polling'];
  readonly holds: PlatformHolds;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PollMetrics;
  readonly runs: RunStatistics;
  /** Null: rounds are not traced. */
  readonly tracing: Tracing | null;
}

/** The feeds of one kind. */
export interface KindFeeds<Entity> extends Pick<FeedRegistry<Entity, never>, 'stats' | 'endWaits' | 'close'> {
  /** `kind` of the source, for logs and metrics. */
  readonly kind: string;
  /** Creates the watch of one caller. */
  watchOf(caller: Caller): Watch<Entity>;
}

/** A kind of entity that can be watched. */
export interface WatchKind<Entity> {
  /** Creates the feeds of the kind. Call it once per gateway. */
  open(services: WatchServices): KindFeeds<Entity>;
}

/** The platform with the credential of one caller. Calls are polls. */
type Connect = (calls: RoundCalls) => PlatformApi;

export interface WatchKindOptions<Entity extends object, Reader extends ProvenReader, Checkpoint> {
  readonly source: FeedSource<Entity, Reader, Checkpoint>;
  /** Returns the part of the platform that the source reads. */
  reader(connect: Connect, proof: RightProof | null): Reader;
  /** Calls that prove the rights of a caller's own credential. */
  readonly proof: {
    /** Reads as little of the list as possible. */
    list(api: PlatformApi): Promise<unknown>;
    /** Resolves with null when the platform does not know the entity. */
    get(api: PlatformApi, id: string): Promise<unknown>;
  };
}

/** Makes a source available to subscriptions. Only the source knows the types of its reader and its checkpoint. */
export function watchKind<Entity extends object, Reader extends ProvenReader, Checkpoint>({
  source,
  reader,
  proof,
}: WatchKindOptions<Entity, Reader, Checkpoint>): WatchKind<Entity> {
  return {
    open({ upstream, ownRights, sharing, polling, ...common }) {
      const { minMs: pollMinMs, maxMs: pollMaxMs, authorizationLeaseMs, confirmStateMs } = polling;
      const bounds = { pollMinMs, pollMaxMs, authorizationLeaseMs, confirmStateMs };
      const feeds = createFeedRegistry({ ...common, ...bounds, ...sharing(source), source });
      /** Rights that come from the gateway's own credential need no proof. A caller's credential is proved by using it. */
      const proofOf = (caller: Caller): RightProof | null => {
        if (!ownRights) return null;
        const connect = (signal: AbortSignal) => upstream.connect(caller, { signal });
        return {
          credential: caller.credential.fingerprint,
          prove: async (signal) => void (await proof.list(connect(signal))),
          proveOne: async (id, signal) => (await proof.get(connect(signal), id)) !== null,
        };
      };
      return {
        kind: source.kind,
        stats: () => feeds.stats(),
        endWaits: () => feeds.endWaits(),
        close: () => feeds.close(),
        watchOf: (caller) => {
          const connect: Connect = ({ signal, requestId, trace }) =>
            upstream.connect(caller, { signal, requestId, trace, priority: 'poll' });
          return feeds.connect(caller.tenant, reader(connect, proofOf(caller)));
        },
      };
    },
  };
}
