import { ToldEntries } from './told-entries.ts';
import type { Violation } from './violation.ts';
import {
  isForward,
  isLastStatus,
  isWanted,
  type LogPlace,
  parseCursor,
  type Report,
  reportInto,
  type SeenEntity,
  type SeenEvent,
  type WatchHistory,
  type WatchSession,
} from './watch-history.ts';

/** What a subscriber believes after all that it was told, by id. */
export type HeldView = ReadonlyMap<string, SeenEntity>;

/**
 * Whether what the subscribers of one feed (one tenant, one kind) were told can be believed: snapshots come where they
 * belong, cursors grow, each change begins where the one before it ended, nothing goes back, and a stream ends only for
 * a reason. Whether it is the truth is asked by `checkViews`.
 * @returns what is wrong; nothing when all is well
 */
export function checkWatches(histories: readonly WatchHistory[]): readonly Violation[] {
  const violations: Violation[] = [];
  const told = new ToldEntries(histories, violations);
  for (const history of histories) new HistoryReader(history, told, reportInto(violations, history)).read();
  return violations;
}

/** What a subscriber believes in the end. */
export function heldView(history: WatchHistory): HeldView {
  const reader = new HistoryReader(history, new ToldEntries([], []), () => undefined);
  reader.read();
  return reader.held;
}

class HistoryReader {
  readonly held = new Map<string, SeenEntity>();
  readonly #history: WatchHistory;
  readonly #told: ToldEntries;
  readonly #report: Report;
  #last: LogPlace | null = null;
  /** The place behind which the session began that is being read; null when it began with a snapshot. */
  #resumedAt: LogPlace | null = null;
  /** Of which the session that is being read has told already. */
  #toldInSession = new Set<string>();
  /** Where each entity was told of last. */
  readonly #lastOf = new Map<string, number>();
  #stale = false;
  /** The event before, while it was one of the snapshot that the log stood at; what belongs to it has the same place. */
  #inSnapshot = true;
  /** What may come next besides changes: snapshots, or nothing of that kind. */
  #snapshot: 'expected' | 'under way' | 'over' = 'expected';

  constructor(history: WatchHistory, told: ToldEntries, report: Report) {
    this.#history = history;
    this.#told = told;
    this.#report = report;
  }

  read(): void {
    for (const session of this.#history.sessions) this.#readSession(session);
  }

  #readSession({ after, events, end, reason = 'its connection ended' }: WatchSession): void {
    this.#toldInSession = new Set();
    if (after === null) this.#beginAnew();
    else {
      this.#resumedAt = parseCursor(after);
      this.#snapshot = 'over';
      this.#inSnapshot = false;
      if (this.#resumedAt?.partial === true && events[0] !== undefined && events[0].kind !== 'RESYNC') {
        this.#report('half a snapshot is told anew', events[0], `it went on behind ${after}`);
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
  }

  #readEvent(event: SeenEvent): void {
    const place = parseCursor(event.cursor);
    if (place === null) {
      this.#report('a cursor is an epoch and a number', event, event.cursor);
      return;
    }
    if (this.#snapshot === 'under way' && event.kind !== 'SNAPSHOT' && event.kind !== 'STALE') {
      this.#report('a snapshot is told to its end', event, 'its last cursor was a partial one');
    }
    this.#checkPlace(event, place);
    switch (event.kind) {
      case 'RESYNC':
        this.#beginAnew();
        this.#snapshot = place.partial ? 'under way' : 'over';
        break;
      case 'SNAPSHOT':
        if (this.#snapshot === 'over') this.#report('snapshots come first', event, 'changes had been told before');
        this.#snapshot = place.partial ? 'under way' : 'over';
        break;
      case 'STALE':
      case 'RECOVERED':
        if (this.#stale === (event.kind === 'STALE')) {
          this.#report('STALE and RECOVERED alternate', event, `it was ${this.#stale ? 'stale' : 'fresh'} before`);
        }
        this.#stale = event.kind === 'STALE';
        this.#snapshot = 'over';
        break;
      case 'CREATED':
      case 'CHANGED':
      case 'REMOVED':
        this.#snapshot = 'over';
        break;
    }
    this.#readEntity(event, place);
    this.#inSnapshot = event.kind === 'SNAPSHOT' || event.kind === 'RESYNC';
    this.#last = place;
  }

  /** Every entry of the log is told once, and a later one later. */
  #checkPlace(event: SeenEvent, place: LogPlace): void {
    const last = this.#last;
    const beginsHere = event.kind === 'RESYNC' || (event.kind === 'SNAPSHOT' && this.#snapshot === 'expected');
    const mayBePartial = event.kind === 'SNAPSHOT' || event.kind === 'RESYNC' || event.kind === 'STALE' || this.#stale;
    if (place.partial && !mayBePartial) {
      this.#report('only snapshots and events of a stale view have partial cursors', event, event.cursor);
    }
    if (last === null || (beginsHere && place.epoch !== last.epoch)) return;
    if (place.epoch !== last.epoch) {
      this.#report('an epoch changes with a snapshot only', event, `it was ${last.epoch}`);
      return;
    }
    // A snapshot, and the STALE that belongs to it, stand at the place of the entry before them. So do a STALE that no
    // log holds, whose cursor is partial, and its RECOVERED.
    const isLocal = (event.kind === 'STALE' && place.partial) || (event.kind === 'RECOVERED' && last.partial);
    const mayStay = beginsHere || event.kind === 'SNAPSHOT' || (event.kind === 'STALE' && this.#inSnapshot) || isLocal;
    if (place.sequence > last.sequence || (mayStay && place.sequence === last.sequence)) return;
    this.#report('cursors grow', event, `the one before it was ${last.epoch}.${last.sequence}`);
  }

  #readEntity(event: SeenEvent, place: LogPlace): void {
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
      case 'REMOVED':
        break;
    }
    if (entity === null) {
      this.#report('what is told of is there', event, 'the event holds no entity');
      return;
    }
    this.#checkScope(event, entity);
    if (kind !== 'CHANGED' && previousStatus !== null) {
      this.#report('only a change has a status before it', event, `it was ${previousStatus}`);
    }
    if (kind === 'CHANGED') this.#checkChange(event, entity, place);
    else if (kind !== 'REMOVED' && this.held.has(entity.id)) {
      this.#report('nothing is told as new twice', event, `it was ${this.held.get(entity.id)?.state} already`);
    }
    this.#toldInSession.add(entity.id);
    this.#lastOf.set(entity.id, place.sequence);
    if (kind === 'REMOVED' || !isWanted(entity, this.#history.scope)) this.held.delete(entity.id);
    else this.held.set(entity.id, entity);
  }

  #checkScope(event: SeenEvent, entity: SeenEntity): void {
    const { scope } = this.#history;
    if (scope.kind === 'ids' && !scope.ids.has(entity.id)) {
      this.#report('only what was asked for is told', event, entity.id);
    }
    // A change that leaves the filter is sent as well.
    const left = event.kind === 'CHANGED' && isWanted({ status: event.previousStatus }, scope);
    if (isWanted(entity, scope) || left) return;
    this.#report('only what was asked for is told', event, `${event.previousStatus} to ${entity.status}`);
  }

  #checkChange(event: SeenEvent, entity: SeenEntity, place: LogPlace): void {
    const { previousStatus } = event;
    const before = this.held.get(entity.id);
    if (!isForward(previousStatus, entity.status)) {
      this.#report('nothing goes back', event, `${previousStatus} to ${entity.status}`);
    }
    if (before !== undefined && !isForward(before.status, entity.status)) {
      this.#report('nothing goes back', event, `${before.status} to ${entity.status}`);
    }
    const continues =
      before === undefined
        ? this.#mayBeUntold({ ...entity, status: previousStatus })
        : before.status === previousStatus;
    if (continues || this.#wasToldAsOne(entity.id, previousStatus, place)) return;
    const held = before === undefined ? 'nothing of it' : before.status;
    this.#report('each change begins where the last one ended', event, `from ${previousStatus}, but told was ${held}`);
  }

  /** Whether a subscriber need not have heard of something in this state. */
  #mayBeUntold(entity: SeenEntity): boolean {
    const { scope } = this.#history;
    // The first snapshot leaves out most entities that have ended.
    return !isWanted(entity, scope) || (scope.kind !== 'ids' && isLastStatus(entity.status));
  }

  /**
   * Changes that wait for a slow client are told as one, in the place of the last. Who leaves before that and comes
   * back is told the last one as it is in the log: it begins at a status that this client was not told of, and that lies
   * before the place at which it came back.
   */
  #wasToldAsOne(id: string, status: string | null, { epoch }: LogPlace): boolean {
    const resumedAt = this.#resumedAt;
    if (resumedAt === null || resumedAt.epoch !== epoch || this.#toldInSession.has(id)) return false;
    return this.#told.cameTo(status, { epoch, id }, { from: this.#lastOf.get(id) ?? 0, to: resumedAt.sequence });
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
        const { scope } = this.#history;
        const running = [...this.held.values()].filter(({ status }) => !isLastStatus(status)).map(({ id }) => id);
        if (scope.kind !== 'ids') this.#report('only a stream of ids completes', null, scope.kind);
        else if (running.length > 0) this.#report('a stream completes when all has ended', null, running.join());
      }
    }
  }
}
