import type { Violation } from './violation.ts';

/** An entity as an event showed it. */
export interface SeenEntity {
  readonly id: string;
  /** Null for a kind that has none. */
  readonly status: string | null;
  /** Everything of it that is compared with the truth, as one text. */
  readonly state: string;
  /** Whether the gateway reported that it has ended, which its status need not show. Absent: it was not asked. */
  readonly hasEnded?: boolean;
  /** Status of each of its batches, by id; null: there was none. Absent: the subscriber did not ask for batches. */
  readonly batches?: ReadonlyMap<string, string | null>;
}

/** An event of a live view, for any kind of entity. */
export interface SeenEvent {
  readonly kind: 'SNAPSHOT' | 'CREATED' | 'CHANGED' | 'REMOVED' | 'STALE' | 'RECOVERED' | 'RESYNC';
  readonly cursor: string;
  readonly observedAt: string;
  readonly previousStatus: string | null;
  readonly entity: SeenEntity | null;
}

/** How the events of one subscription ended. */
export type SessionEnd =
  /** Not yet. */
  | 'open'
  /** The client unsubscribed, or its connection was cut on purpose. */
  | 'left'
  /** The gateway completed the stream. */
  | 'completed'
  /** With GraphQL errors. */
  | 'refused'
  /** The connection ended, and nobody had cut it. */
  | 'broken';

/** One subscription, from its beginning to its end. */
export interface WatchSession {
  /** Cursor behind which it continues; null: it begins with a snapshot. */
  readonly after: string | null;
  /** When the client subscribed. */
  readonly openedAt: Date;
  readonly events: readonly SeenEvent[];
  readonly end: SessionEnd;
  /** When the client received the end; null while it is open. */
  readonly endedAt: Date | null;
  /** Why it broke, for messages. */
  readonly reason?: string;
}

/** What a subscriber asked for. Both together: events of these ids while the filter selects them. */
export interface HistoryScope {
  /** Ids as the events show them; null: all. */
  readonly ids: ReadonlySet<string> | null;
  /** Statuses that the filter selects; null: no filter. */
  readonly statuses: ReadonlySet<string> | null;
}

export const everything: HistoryScope = { ids: null, statuses: null };

/** Everything that one subscriber received, over all its subscriptions. */
export interface WatchHistory {
  readonly name: string;
  readonly scope: HistoryScope;
  /**
   * In the order in which they were opened. Each begins with a snapshot, or continues behind the last event of those
   * before it.
   */
  readonly sessions: readonly WatchSession[];
}

/** A place in an event log. */
export interface LogPlace {
  readonly epoch: string;
  readonly sequence: number;
  /** The log does not continue there: a client that resumes with the cursor receives RESYNC. */
  readonly partial: boolean;
}

/** Null when the text is not a cursor. */
export function parseCursor(cursor: string): LogPlace | null {
  const [, epoch, digits, partial] = /^([\w-]+)\.(\d+)(?:\.[\w-]{8})?(\.partial)?$/.exec(cursor) ?? [];
  if (epoch === undefined || digits === undefined) return null;
  return { epoch, sequence: Number(digits), partial: partial !== undefined };
}

/** Stages of a job, from which it never goes back. UNKNOWN has no place in their order. */
const stageOf: Readonly<Record<string, number>> = {
  NEW: 0,
  QUEUED: 1,
  PROCESSING: 2,
  CANCELLING: 3,
  CANCELLED: 4,
  SUCCEEDED: 4,
  FAILED: 4,
};
const lastStage = 4;

/** Whether nothing more happens to a job of this status; false where there are no statuses. */
export const isLastStatus = (status: string | null): boolean => status !== null && stageOf[status] === lastStage;

/** A job of an unknown status has ended too if the platform reported the time of its end. */
export const isOver = ({ status, hasEnded = false }: SeenEntity): boolean => isLastStatus(status) || hasEnded;

const lastBatchStatuses: ReadonlySet<string> = new Set([
  'ACTIVE',
  'SUCCESS',
  'FAILED',
  'ABORTED',
  'ABANDONED',
  'INACTIVE',
  'ARCHIVED',
  'RETAINED',
  'DELETED',
]);

/** Whether a batch is readable or has ended, so that nobody waits for another status. */
export const isLastBatchStatus = (status: string): boolean => lastBatchStatuses.has(status);

/** Batches of a job that is over, for which a subscriber still waits. */
export const openBatchesOf = ({ status, batches = new Map() }: SeenEntity): readonly string[] =>
  status === 'SUCCEEDED'
    ? [...batches].flatMap(([id, each]) => (each === null || isLastBatchStatus(each) ? [] : [id]))
    : [];

/** Whether a job may go from one status to another. */
export function isForward(from: string | null, to: string | null): boolean {
  if (from === null || to === null || from === to) return true;
  if (isLastStatus(from)) return false;
  const [before, after] = [stageOf[from], stageOf[to]];
  return before === undefined || after === undefined || after > before;
}

/** Whether the filter of a scope selects a status. */
export const isSelected = ({ statuses }: HistoryScope, status: string | null): boolean =>
  statuses === null || (status !== null && statuses.has(status));

/** Makes the violations of one history, and says in each of them whose they are. */
export type Report = (rule: string, event: SeenEvent | null, detail: string) => void;

export const reportInto =
  (violations: Violation[], { name }: Pick<WatchHistory, 'name'>): Report =>
  (rule, event, detail) => {
    const place = event === null ? '' : `, ${event.kind} ${event.entity?.id ?? ''} at ${event.cursor}`;
    violations.push({ rule, where: `${name}${place}`, detail });
  };
