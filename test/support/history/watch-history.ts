import type { Violation } from './violation.ts';

/** An entity as contained in an event. */
export interface SeenEntity {
  readonly id: string;
  /** Status; null for kinds without a status. */
  readonly status: string | null;
  /** All values of the entity that are compared with the truth, as one text. */
  readonly state: string;
  /**
   * Whether the gateway reported that the job has ended, which its status may not show. Absent when the subscriber did
   * not select it.
   */
  readonly hasEnded?: boolean;
  /**
   * Status of each of its batches, by id; null when the batch does not exist. Absent when the subscriber did not select
   * batches.
   */
  readonly batches?: ReadonlyMap<string, string | null>;
}

/** An event of a live view, for any kind of entity. */
export interface SeenEvent {
  readonly kind: 'SNAPSHOT' | 'CREATED' | 'CHANGED' | 'OVERDUE' | 'REMOVED' | 'STALE' | 'RECOVERED' | 'RESYNC';
  readonly cursor: string;
  readonly observedAt: string;
  readonly previousStatus: string | null;
  readonly entity: SeenEntity | null;
}

/** End of a subscription. */
export type SessionEnd =
  /** The subscription is open. */
  | 'open'
  /** The client unsubscribed, or its connection was cut on purpose. */
  | 'left'
  /** The gateway completed the stream. */
  | 'completed'
  /** The stream ended with GraphQL errors. */
  | 'refused'
  /** The connection ended unexpectedly. */
  | 'broken';

/** One subscription, from its beginning to its end. */
export interface WatchSession {
  /** Cursor after which it continues; null when it begins with a snapshot. */
  readonly after: string | null;
  /** Time at which the client subscribed. */
  readonly openedAt: Date;
  readonly events: readonly SeenEvent[];
  readonly end: SessionEnd;
  /** Time at which the client received the end; null while it is open. */
  readonly endedAt: Date | null;
  /** Reason why it broke, for messages. */
  readonly reason?: string;
}

/** Selection of a subscriber. With both ids and a filter: events of these ids while the filter selects them. */
export interface HistoryScope {
  /** Ids as in the events; null = all. */
  readonly ids: ReadonlySet<string> | null;
  /** Statuses that the filter selects; null = no filter. */
  readonly statuses: ReadonlySet<string> | null;
}

export const everything: HistoryScope = { ids: null, statuses: null };

/** All events that one subscriber received, over all its subscriptions. */
export interface WatchHistory {
  readonly name: string;
  readonly scope: HistoryScope;
  /**
   * Sessions in the order in which they were opened. Each begins with a snapshot, or continues after the last event of
   * the earlier sessions.
   */
  readonly sessions: readonly WatchSession[];
}

/** A position in an event log. */
export interface LogPosition {
  readonly epoch: string;
  readonly sequence: number;
  /** Whether the log cannot continue there. A client that resumes with the cursor then receives RESYNC. */
  readonly partial: boolean;
}

/** @returns null when the text is not a cursor */
export function parseCursor(cursor: string): LogPosition | null {
  const [, epoch, digits, partial] = /^([\w-]+)\.(\d+)(?:\.[\w-]{8})?(\.partial)?$/.exec(cursor) ?? [];
  if (epoch === undefined || digits === undefined) return null;
  return { epoch, sequence: Number(digits), partial: partial !== undefined };
}

/** Stages of a job, which only increase. UNKNOWN has no stage. */
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

/** Whether a job with this status has ended; false for kinds without a status. */
export const isLastStatus = (status: string | null): boolean => status !== null && stageOf[status] === lastStage;

/** Whether a job has ended. A job with an unknown status has ended if the platform reported the time of its end. */
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

/** Whether a batch is readable or has ended, so that its status is final for subscribers. */
export const isLastBatchStatus = (status: string): boolean => lastBatchStatuses.has(status);

/** Batches of an ended job for which a subscriber still waits. */
export const openBatchesOf = ({ status, batches = new Map() }: SeenEntity): readonly string[] =>
  status === 'SUCCEEDED'
    ? [...batches].flatMap(([id, each]) => (each === null || isLastBatchStatus(each) ? [] : [id]))
    : [];

/** Whether a job may change from one status to another. */
export function isForward(from: string | null, to: string | null): boolean {
  if (from === null || to === null || from === to) return true;
  if (isLastStatus(from)) return false;
  const [before, after] = [stageOf[from], stageOf[to]];
  return before === undefined || after === undefined || after > before;
}

/** Whether the filter of a scope selects a status. */
export const isSelected = ({ statuses }: HistoryScope, status: string | null): boolean =>
  statuses === null || (status !== null && statuses.has(status));

/** Adds a violation of one history, together with the name of its subscriber. */
export type Report = (rule: string, event: SeenEvent | null, detail: string) => void;

export const reportInto =
  (violations: Violation[], { name }: Pick<WatchHistory, 'name'>): Report =>
  (rule, event, detail) => {
    const position = event === null ? '' : `, ${event.kind} ${event.entity?.id ?? ''} at ${event.cursor}`;
    violations.push({ rule, where: `${name}${position}`, detail });
  };
