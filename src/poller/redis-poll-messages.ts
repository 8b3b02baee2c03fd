import { parse, stringify } from 'devalue';
import type { PollMessage } from './poll-coordinator.ts';
import type { WatchScope } from './watch-scope.ts';

/** What goes over the channel of a feed. */
export interface PollEnvelope {
  /** The seat that sent it; null when somebody who has none did. */
  readonly from: string | null;
  /** `released`: the lease is free. */
  readonly message: PollMessage | { readonly kind: 'released' };
}

/** Ids that one replica names. One that watches more of them by name asks for everything, which is more than it needs. */
const maxAnnouncedIds = 1_000;

// What is decoded here was encoded here, under names that hold the tenant, the kind and the version of the format.

export const encodeEnvelope = (envelope: PollEnvelope): string => stringify(envelope);
export const decodeEnvelope = (text: string): PollEnvelope => parse(text) as PollEnvelope;

export const encodeScope = (scope: WatchScope): string =>
  stringify(scope.ids.size > maxAnnouncedIds ? { everything: true, ids: new Set() } : scope);
export const decodeScope = (text: string): WatchScope => parse(text) as WatchScope;
