import { ReceivedEntries } from './received-entries.ts';
import type { Violation } from './violation.ts';
import {
  isForward,
  isLastBatchStatus,
  isLastStatus,
  isOver,
  isSelected,
  type LogPosition,
  openBatchesOf,
  parseCursor,
  type Report,
  reportInto,
  type SeenEntity,
  type SeenEvent,
  type WatchHistory,
  type WatchSession,
} from './watch-history.ts';

/** The view of a subscriber after all its events, by id. */
export type HeldView = ReadonlyMap<string, SeenEntity>;

/**
 * Checks that the events of all subscribers of one feed (one tenant, one kind) are consistent: snapshots arrive only
 * where they belong, cursors increase, each change begins at the state of the previous one, no state goes back, STALE
 * and RECOVERED alternate, and a stream ends only for a valid reason. `checkViews` compares the views with the truth.
 * @returns the violations; empty when there are none
 */
export function checkWatches(histories: readonly WatchHistory[]): readonly Violation[] {
  const violations: Violation[] = [];
  const received = new ReceivedEntries(histories, violations);
  for (const history of histories) new HistoryReader(history, received, reportInto(violations, history)).read();
  return violations;
}

/** The final view of a subscriber. */
export function heldView(history: WatchHistory): HeldView {
  const reader = new HistoryReader(history, new ReceivedEntries([], []), () => undefined);
  reader.read();
  return reader.held;
}

class HistoryReader {
  readonly held = new Map<string, SeenEntity>();
  readonly #history: WatchHistory;
  readonly #received: ReceivedEntries;
  readonly #report: Report;
  #last: LogPosition | null = null;
  /** Log position after which the current session continues; null when it began with a snapshot. */
  #resumedAt: LogPosition | null = null;
  /** Entities about which the current session has received an event. */
  #receivedInSession = new Set<string>();
  /** Position of the last event of each entity. */
  readonly #lastOf = new Map<string, number>();
  /** Last received status of each entity, including earlier sessions. */
  readonly #statusOf = new Map<string, string | null>();
  /** Last received status of each batch, including earlier sessions. */
  readonly #statusOfBatch = new Map<string, string>();
  /** Batches whose status arrived with the current snapshot. */
  readonly #batchesOfSnapshot = new Set<string>();
  #stale = false;
  /** Whether the last event belonged to a snapshot. A STALE that belongs to the snapshot has the same position. */
  #inSnapshot = true;
  /** Whether a snapshot is expected, in progress, or complete. */
  #snapshot: 'expected' | 'under way' | 'over' = 'expected';

  constructor(history: WatchHistory, received: ReceivedEntries, report: Report) {
    this.#history = history;
    this.#received = received;
    this.#report = report;
  }

  read(): void {
    for (const session of this.#history.sessions) this.#readSession(session);
  }

  #readSession({ after, events, end, reason = 'its connection ended' }: WatchSession): void {
    this.#receivedInSession = new Set();
    if (after === null) {
      // A snapshot of another replica may have an earlier position, but must not contain an earlier state of a job.
      this.#last = null;
      this.#beginAnew();
    } else {
      this.#resumedAt = parseCursor(after);
      this.#snapshot = 'over';
      this.#inSnapshot = false;
      if (this.#resumedAt?.partial === true && events[0] !== undefined && events[0].kind !== 'RESYNC') {
        this.#report('an incomplete snapshot is sent again', events[0], `it continued after ${after}`);
      }
    }
    for (const event of events) this.#readEvent(event);
    this.#checkEnd(end, reason);
  }

  #beginAnew(): void {
    this.held.clear();
    this.#lastOf.clear();
    this.#resumedAt = null;
    this.#stale = false;
    this.#snapshot = 'expected';
    this.#inSnapshot = true;
    this.#batchesOfSnapshot.clear();
  }

  #readEvent(event: SeenEvent): void {
    const position = parseCursor(event.cursor);
    if (position === null) {
      this.#report('a cursor is an epoch and a number', event, event.cursor);
      return;
    }
    if (this.#snapshot === 'under way' && event.kind !== 'SNAPSHOT' && event.kind !== 'STALE') {
      this.#report('a snapshot is sent completely', event, 'its last cursor was partial');
    }
    this.#checkPlace(event, position);
    switch (event.kind) {
      case 'RESYNC':
        this.#beginAnew();
        this.#snapshot = position.partial ? 'under way' : 'over';
        break;
      case 'SNAPSHOT':
        if (this.#snapshot === 'over') this.#report('snapshots come first', event, 'changes were sent before it');
        this.#snapshot = position.partial ? 'under way' : 'over';
        break;
      case 'STALE':
      case 'RECOVERED':
        this.#checkTurn(event.kind, event);
        if (event.kind === 'STALE' && this.#inSnapshot) this.#forgetBatches();
        this.#stale = event.kind === 'STALE';
        this.#snapshot = 'over';
        break;
      case 'CREATED':
      case 'CHANGED':
      case 'OVERDUE':
      case 'REMOVED':
        this.#snapshot = 'over';
        break;
    }
    this.#readEntity(event, position);
    this.#inSnapshot = event.kind === 'SNAPSHOT' || event.kind === 'RESYNC';
    this.#last = position;
  }

  /** A stale snapshot contains the current state of batches that the feed could not read. */
  #forgetBatches(): void {
    for (const batch of this.#batchesOfSnapshot) this.#statusOfBatch.delete(batch);
  }

  /** A STALE and its RECOVERED are both dropped if they are queued together for a slow client. */
  #checkTurn(kind: 'STALE' | 'RECOVERED', event: SeenEvent): void {
    if (this.#stale !== (kind === 'STALE')) return;
    const missing = kind === 'STALE' ? 'RECOVERED' : 'STALE';
    this.#report('STALE and RECOVERED alternate', event, `there was no ${missing} before it`);
  }

  /** Every log entry is sent once, in the order of the log. */
  #checkPlace(event: SeenEvent, position: LogPosition): void {
    const last = this.#last;
    const beginsHere = event.kind === 'RESYNC' || (event.kind === 'SNAPSHOT' && this.#snapshot === 'expected');
    const mayBePartial = ['SNAPSHOT', 'RESYNC', 'STALE'].includes(event.kind) || this.#stale;
    if (position.partial && !mayBePartial)
      this.#report('a state that is not stale can be resumed', event, event.cursor);
    if (last === null || (beginsHere && position.epoch !== last.epoch)) return;
    if (position.epoch !== last.epoch) {
      this.#report('an epoch changes only with a snapshot', event, `it was ${last.epoch}`);
      return;
    }
    // A snapshot, and a STALE that belongs to it, have the position of the entry before them. The same applies to a
    // STALE that is not in the log, and to its RECOVERED.
    const isLocal = (event.kind === 'STALE' && position.partial) || (event.kind === 'RECOVERED' && last.partial);
    const ofSnapshot = beginsHere || event.kind === 'SNAPSHOT' || (event.kind === 'STALE' && this.#inSnapshot);
    const mayStay = ofSnapshot || isLocal;
    if (position.sequence > last.sequence || (mayStay && position.sequence === last.sequence)) return;
    this.#report('cursors grow', event, `the one before it was ${last.epoch}.${last.sequence}`);
  }

  #readEntity(event: SeenEvent, position: LogPosition): void {
    const { kind, entity, previousStatus } = event;
    switch (kind) {
      case 'STALE':
      case 'RECOVERED':
      case 'RESYNC':
        if (entity !== null) this.#report('STALE, RECOVERED and RESYNC are about no entity', event, entity.id);
        return;
      case 'SNAPSHOT':
      case 'CREATED':
      case 'CHANGED':
      case 'OVERDUE':
      case 'REMOVED':
        break;
    }
    if (entity === null) {
      this.#report('an event about an entity contains it', event, 'the event contains no entity');
      return;
    }
    this.#checkScope(event, entity);
    const isChange = kind === 'CHANGED' || kind === 'OVERDUE';
    if (!isChange && previousStatus !== null) {
      this.#report('only a change has a previous status', event, `it was ${previousStatus}`);
    }
    if (isChange) this.#checkChange(event, entity, position);
    else if (kind !== 'REMOVED' && this.held.has(entity.id)) {
      this.#report('no entity is sent as new twice', event, `its state was already ${this.held.get(entity.id)?.state}`);
    }
    this.#checkDirection(event, entity);
    this.#receivedInSession.add(entity.id);
    this.#lastOf.set(entity.id, position.sequence);
    if (kind === 'REMOVED' || !isSelected(this.#history.scope, entity.status)) this.held.delete(entity.id);
    else this.held.set(entity.id, entity);
  }

  /** An older state never follows a newer one, not even in the snapshot of a later subscription. */
  #checkDirection(event: SeenEvent, { id, status, batches }: SeenEntity): void {
    const before = this.#statusOf.get(id) ?? null;
    if (!isForward(before, status)) this.#report('no state goes back', event, `${before} to ${status}`);
    this.#statusOf.set(id, status);
    for (const [batch, after] of batches ?? []) {
      const last = this.#statusOfBatch.get(batch);
      if (last !== undefined && isLastBatchStatus(last) && after !== null && !isLastBatchStatus(after)) {
        this.#report('no state goes back', event, `batch ${batch}: ${last} to ${after}`);
      }
      if (after === null || this.#stale) continue;
      this.#statusOfBatch.set(batch, after);
      if (event.kind === 'SNAPSHOT') this.#batchesOfSnapshot.add(batch);
    }
  }

  #checkScope(event: SeenEvent, entity: SeenEntity): void {
    const { scope } = this.#history;
    const { ids } = scope;
    if (ids !== null && !ids.has(entity.id)) this.#report('only requested entities are sent', event, entity.id);
    // An entity that leaves the filter is sent once more.
    const isLeaving = event.kind === 'CHANGED' && isSelected(scope, event.previousStatus);
    if (isSelected(scope, entity.status) || isLeaving) return;
    this.#report('only requested entities are sent', event, `${event.previousStatus} to ${entity.status}`);
  }

  #checkChange(event: SeenEvent, entity: SeenEntity, position: LogPosition): void {
    const { previousStatus } = event;
    const before = this.held.get(entity.id);
    if (!isForward(previousStatus, entity.status)) {
      this.#report('no state goes back', event, `${previousStatus} to ${entity.status}`);
    }
    const continues = before === undefined ? this.#mayBeUnreceived(previousStatus) : before.status === previousStatus;
    if (continues || this.#wasReceivedAsOne(entity.id, previousStatus, position)) return;
    const held = before === undefined ? 'nothing of it' : before.status;
    const resumed = this.#resumedAt === null ? '' : `; it resumed after ${this.#resumedAt.sequence}`;
    this.#report(
      'each change begins where the last one ended',
      event,
      `from ${previousStatus}, but the subscriber had ${held}${resumed}`,
    );
  }

  /** Whether a subscriber may not have received an entity with this status. */
  #mayBeUnreceived(status: string | null): boolean {
    const { scope } = this.#history;
    if (!isSelected(scope, status)) return true;
    // The first snapshot contains jobs that ended recently, but not those that ended earlier.
    return scope.ids === null && isLastStatus(status);
  }

  /**
   * Queued changes for a slow client are merged into the last one. A client that leaves before it receives this change,
   * and then resumes, receives the last change as it is in the log: it begins at a status that this client has not
   * received, and that lies before the position at which it resumed.
   */
  #wasReceivedAsOne(id: string, status: string | null, { epoch }: LogPosition): boolean {
    const resumedAt = this.#resumedAt;
    if (resumedAt === null || resumedAt.epoch !== epoch || this.#receivedInSession.has(id)) return false;
    return this.#received.cameTo(status, { epoch, id }, { from: this.#lastOf.get(id) ?? 0, to: resumedAt.sequence });
  }

  #checkEnd(end: WatchSession['end'], reason: string): void {
    switch (end) {
      case 'open':
      case 'left':
      case 'refused':
        return;
      case 'broken':
        this.#report('a stream ends with a reason', null, reason);
        return;
      case 'completed': {
        const { ids } = this.#history.scope;
        const running = [...this.held.values()].filter((entity) => !isOver(entity)).map(({ id }) => id);
        if (ids === null) this.#report('only a stream of ids completes', null, 'it named none');
        else if (running.length > 0)
          this.#report('a stream completes when all its entities have ended', null, running.join());
        const open = [...this.held.values()].flatMap(openBatchesOf);
        if (open.length > 0) this.#report('a stream completes when its batches are readable', null, open.join());
      }
    }
  }
}
