import { isDeepStrictEqual } from 'node:util';
import type { EventLog, FeedChange, LogWrite, StaleSubject } from '../../../../src/events/log.ts';
import { LogView } from '../../../../src/events/log-view.ts';
import type { ResultRules } from '../../../../src/events/subscriber/result-rules.ts';
import { WatchStream } from '../../../../src/events/subscriber/stream.ts';
import type { WatchEvent } from '../../../../src/events/watch.ts';

export interface Thing {
  readonly id: string;
  /** Unique, and greater for every later state of any thing. */
  readonly stamp: number;
  readonly group: number;
  /** Time at which it ended; null: it runs. */
  readonly endedAtMs: number | null;
  /** Increases with each state of its results; 0 before the first. */
  readonly results: number;
  readonly settled: boolean;
}

const resultRules: ResultRules<Thing> = {
  isKnown: ({ results, settled }) => results > 0 || settled,
  isSettled: ({ settled }) => settled,
  carry: ({ results, settled }, thing) => ({ ...thing, results, settled }),
  difference: (previous, thing) => {
    if (previous.stamp !== thing.stamp) return 'entity';
    return previous.results === thing.results ? 'nothing' : 'results';
  },
};

type Known = ReadonlyMap<string, Thing>;
type Position = { readonly epoch: string; readonly sequence: number };

/** One life of the log, from its first entry on. */
interface Life {
  readonly epoch: string;
  readonly base: Known;
  readonly staleAtFirst: ReadonlySet<StaleSubject>;
  readonly entries: FeedChange<Thing>[];
}

const secondMs = 1_000;

/** A log, and all entries that have ever been written to it. */
export class World {
  readonly log: EventLog<Thing>;
  readonly #view: LogView<Thing>;
  readonly #lives: Life[] = [];
  /** Contents of the snapshot by cursor. Learning and forgetting does not change the cursor. */
  readonly #snapshots = new Map<string, { readonly known: Known; readonly nowMs: number }[]>();
  readonly #known = new Map<string, Thing>();
  readonly #stale = new Set<StaleSubject>();
  readonly evicted = new Set<string>();
  readonly adopted = new Set<string>();
  nowMs = 0;
  isLocal = false;
  wasLocal = false;
  #stamp = 0;
  #writes = 0;
  readonly #hasMarks: boolean;

  /** @param options.hasMarks whether cursors identify the write, as in a log in Redis */
  constructor({ maxEntries, hasMarks }: { readonly maxEntries: number; readonly hasMarks: boolean }) {
    this.#hasMarks = hasMarks;
    const view = new LogView<Thing>({ key: ({ id }) => id, maxEntries, maxBytes: 1_000 });
    this.#view = view;
    this.log = {
      write: () => Promise.reject(new Error('The world writes.')),
      snapshot: async () => view.snapshot,
      open: async (options) => view.open(options),
      watch: (listener) => view.watch(listener),
      markUnattended: (on) => view.markLocal('unattended', on, new Date(this.nowMs)),
      [Symbol.asyncDispose]: async () => view.close(),
    };
    this.begin();
  }

  get epoch(): string {
    return this.#life.epoch;
  }

  get head(): Position {
    return { epoch: this.epoch, sequence: this.#life.entries.length };
  }

  get known(): Known {
    return this.#known;
  }

  get #life(): Life {
    const life = this.#lives.at(-1);
    if (life === undefined) throw new Error('The log has not begun.');
    return life;
  }

  /** Begins another life of the log, which has lost all earlier entries. */
  begin(): void {
    const epoch = `epoch-${this.#lives.length}`;
    this.adopted.clear();
    this.#lives.push({ epoch, base: new Map(this.#known), staleAtFirst: new Set(this.#stale), entries: [] });
    const entities = [...this.#known.values()];
    const observedAt = new Date(this.nowMs);
    this.#view.reset({ epoch, sequence: 0, mark: '', observedAt, entities, stale: this.#stale, note: null });
    this.#note();
  }

  create(id: string, group: number): void {
    if (this.#known.has(id) || this.evicted.has(id)) return;
    this.#write({ kind: 'CREATED', entity: this.#thing(id, group, false) });
  }

  change(id: string, group: number, ends: boolean): void {
    const previous = this.#known.get(id);
    if (previous === undefined) return;
    const { results, settled } = previous;
    const entity = this.#thing(id, group, ends || previous.endedAtMs !== null);
    const endedAtMs = previous.endedAtMs ?? entity.endedAtMs;
    this.#write({ kind: 'CHANGED', entity: { ...entity, endedAtMs, results, settled }, previous });
  }

  /** Changes the results of a thing, and settles them if requested. Without a change, it only settles them. */
  promote(id: string, changes: boolean, settles: boolean): void {
    const previous = this.#known.get(id);
    if (previous === undefined || previous.settled) return;
    const settled = previous.endedAtMs !== null && (settles || !changes);
    if (!changes && !settled) return;
    const entity = { ...previous, results: previous.results + Number(changes), settled };
    this.#write({ kind: 'CHANGED', entity, previous });
  }

  remove(id: string): void {
    const entity = this.#known.get(id);
    if (entity === undefined) return;
    const subject: StaleSubject = `entity:${id}`;
    const recovered: FeedChange<Thing>[] = this.#stale.has(subject) ? [{ kind: 'RECOVERED', subject }] : [];
    this.#write(...recovered, { kind: 'REMOVED', entity });
  }

  /** Several changes as one write, with a STALE or RECOVERED between them. */
  changeMany(ids: readonly string[], group: number, subject: StaleSubject): void {
    const changes: FeedChange<Thing>[] = [];
    for (const id of ids) {
      const previous = this.#known.get(id);
      if (previous === undefined || previous.endedAtMs !== null) continue;
      const { results } = previous;
      changes.push({ kind: 'CHANGED', entity: { ...this.#thing(id, group, false), results }, previous });
      if (changes.length === 1) changes.push(...this.#turn(subject));
    }
    this.#write(...changes);
  }

  turn(subject: StaleSubject): void {
    this.#write(...this.#turn(subject));
  }

  learn(id: string, group: number): void {
    if (this.#known.has(id) || this.adopted.has(id) || this.evicted.has(id)) return;
    const entity = this.#thing(id, group, false);
    this.adopted.add(id);
    this.#known.set(id, entity);
    this.#apply({ adopted: [entity] });
    this.#note();
  }

  forget(id: string): void {
    const entity = this.#known.get(id);
    if (entity === undefined || entity.endedAtMs === null || this.#stale.has(`entity:${id}`)) return;
    // The results that a subscriber may await are kept.
    if (!entity.settled) return;
    this.evicted.add(id);
    this.#known.delete(id);
    this.#apply({ evicted: [id] });
    this.#note();
  }

  mark(on: boolean): void {
    this.isLocal = on;
    this.wasLocal ||= on;
    this.log.markUnattended(on);
  }

  pass(seconds: number): void {
    this.nowMs += seconds * secondMs;
    this.#note();
  }

  life(epoch: string): Life | undefined {
    return this.#lives.find((one) => one.epoch === epoch);
  }

  entryAt({ epoch, sequence }: Position): FeedChange<Thing> | undefined {
    return this.life(epoch)?.entries[sequence - 1];
  }

  /** Returns the first state of a thing with results after a position, unless the thing is created again before. */
  firstResults(id: string, { epoch, sequence }: Position): Thing | undefined {
    for (const change of this.life(epoch)?.entries.slice(sequence) ?? []) {
      if (!('entity' in change) || change.entity.id !== id) continue;
      if (change.kind === 'CREATED') return undefined;
      if (resultRules.isKnown(change.entity)) return change.entity;
    }
    return this.known.get(id);
  }

  snapshotsAt({ epoch, sequence }: Position) {
    return this.#snapshots.get(`${epoch}.${sequence}`) ?? [];
  }

  /** Returns the things and the stale subjects after an entry. */
  stateAt({ epoch, sequence }: Position): { readonly known: Known; readonly stale: ReadonlySet<StaleSubject> } {
    const life = this.life(epoch);
    const known = new Map(life?.base);
    const stale = new Set(life?.staleAtFirst);
    for (const change of life?.entries.slice(0, sequence) ?? []) {
      applyTo({ known, stale }, change);
    }
    return { known, stale };
  }

  #turn(subject: StaleSubject): readonly FeedChange<Thing>[] {
    if (this.#stale.has(subject)) return [{ kind: 'RECOVERED', subject }];
    if (subject.startsWith('entity:') && !this.#known.has(subject.slice('entity:'.length))) return [];
    return [{ kind: 'STALE', subject }];
  }

  #thing(id: string, group: number, ended: boolean): Thing {
    this.#stamp += 1;
    return { id, stamp: this.#stamp, group, endedAtMs: ended ? this.nowMs : null, results: 0, settled: false };
  }

  #apply(write: LogWrite<Thing>): void {
    this.#writes += 1;
    const mark = this.#hasMarks ? String(this.#writes).padStart(8, '-') : '';
    this.#view.apply({ write, observedAt: new Date(this.nowMs), mark, bytes: 0 });
  }

  #write(...changes: readonly FeedChange<Thing>[]): void {
    if (changes.length === 0) return;
    this.#life.entries.push(...changes);
    for (const change of changes) {
      applyTo({ known: this.#known, stale: this.#stale }, change);
    }
    this.#apply({ changes });
    this.#note();
  }

  #note(): void {
    const { epoch, sequence } = this.head;
    const cursor = `${epoch}.${sequence}`;
    const states = this.#snapshots.get(cursor) ?? [];
    states.push({ known: new Map(this.#known), nowMs: this.nowMs });
    this.#snapshots.set(cursor, states);
  }
}

function applyTo(
  { known, stale }: { readonly known: Map<string, Thing>; readonly stale: Set<StaleSubject> },
  change: FeedChange<Thing>,
): void {
  switch (change.kind) {
    case 'STALE':
      stale.add(change.subject);
      return;
    case 'RECOVERED':
      stale.delete(change.subject);
      return;
    case 'REMOVED':
      known.delete(change.entity.id);
      return;
    case 'CREATED':
    case 'CHANGED':
    case 'OVERDUE':
      known.set(change.entity.id, change.entity);
  }
}

export interface ClientOptions {
  readonly ids: readonly string[] | null;
  /** Groups that the filter accepts; null: there is no filter. */
  readonly groups: readonly number[] | null;
  readonly endedWithinSeconds: number;
  readonly withResults: boolean;
  readonly maxPendingEvents: number;
  /** Whether nothing is ever dropped, so that a RESYNC must have another reason. */
  readonly isRoomy: boolean;
}

/** The view of a client after an event. */
interface Belief {
  readonly held: Known;
  /** The latest received state of each thing. See `order`. */
  readonly stamps: ReadonlyMap<string, number>;
  readonly stale: boolean;
  readonly last: (Position & { readonly partial: boolean; readonly kind: WatchEvent<Thing>['kind'] }) | null;
  readonly cursor: string | undefined;
  /** The snapshot that is being received; null: none is. */
  readonly run: { readonly things: readonly Thing[]; readonly isResync: boolean } | null;
}

const blank: Belief = {
  held: new Map(),
  stamps: new Map(),
  stale: false,
  last: null,
  cursor: undefined,
  run: null,
};

/** A subscriber that checks each event against the written entries, and finally that it has received everything. */
export class Client {
  readonly #world: World;
  readonly #options: ClientOptions;
  /** The belief after each event since the last subscription without a cursor. */
  #beliefs: Belief[] = [blank];
  #stream: WatchStream<Thing> | null = null;
  #completed = false;
  #failure: unknown = null;
  #start: (Position & { readonly isReplay: boolean; readonly opened: Position }) | null = null;
  /** Things with an event since the stream was opened. */
  #fresh = new Set<string>();
  #resumed = false;
  #mayResync = false;
  #confirmed = false;

  constructor(world: World, options: ClientOptions) {
    this.#world = world;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#stream !== null;
  }

  /** @param kept number of received events that the client still knows; null: it begins with its original arguments */
  async open(kept: number | null): Promise<void> {
    await this.#stream?.return();
    this.#completed = false;
    this.#fresh = new Set();
    this.#confirmed = false;
    this.#beliefs = kept === null ? [{ ...blank, stamps: this.#belief.stamps }] : this.#beliefs.slice(0, kept + 1);
    const { cursor, last } = this.#belief;
    this.#resumed = cursor !== undefined;
    const { ids, groups, endedWithinSeconds, withResults, maxPendingEvents } = this.#options;
    const isReplay = last !== null && !last.partial && last.epoch === this.#world.epoch;
    this.#mayResync = cursor !== undefined && !isReplay;
    this.#start = { ...(isReplay ? last : this.#world.head), isReplay, opened: this.#world.head };
    const stream = new WatchStream<Thing>({
      log: this.#world.log,
      key: ({ id }) => id,
      isTerminal: ({ endedAtMs }) => endedAtMs !== null,
      newestFirst: (a, b) => (a.id < b.id ? 1 : -1),
      endedAtMs: ({ endedAtMs }) => endedAtMs,
      clock: { now: () => new Date(this.#world.nowMs) },
      ids,
      matches: groups === null ? null : ({ group }) => groups.includes(group),
      endedWithinSeconds,
      withResults,
      results: resultRules,
      maxPendingEvents,
      onEnd: () => undefined,
    });
    this.#stream = stream;
    stream.listen({ onReadable: () => undefined });
    await stream.open({ after: cursor, signal: new AbortController().signal });
    const expected = cursor === undefined ? 'snapshot' : isReplay ? 'replay' : 'resync';
    if (this.#options.isRoomy)
      this.#require(stream.start === expected, `it begins with ${stream.start}, not ${expected}`);
    if (stream.start === 'resync') this.#mayResync = true;
  }

  /** Notes that the log begins another life. */
  onEpoch(): void {
    this.#mayResync = true;
  }

  confirm(): void {
    this.#confirmed = true;
    this.#stream?.confirm();
  }

  /** @returns whether there was an event */
  take(): boolean {
    if (this.#stream === null || this.#completed) return false;
    let taken: ReturnType<WatchStream<Thing>['read']>;
    try {
      taken = this.#stream.read();
    } catch (error) {
      this.#failure = error;
      return false;
    }
    if (taken === null) return false;
    if (taken.done === true) {
      this.#completed = true;
      return false;
    }
    this.#receive(taken.value);
    return true;
  }

  /** Number of events that the client could have processed. */
  get received(): number {
    return this.#beliefs.length - 1;
  }

  /** Call it when everything was taken. */
  checkAll(): void {
    this.#require(this.#failure === null, `it failed with ${String(this.#failure)}`);
    if (this.#stream === null || this.#start === null) return;
    const { head, isLocal, wasLocal, evicted, adopted } = this.#world;
    const end = this.#completion();
    this.#require(this.#completed === (end !== null), `completed: ${this.#completed}, expected at ${end?.sequence}`);
    const position = end ?? head;
    const { held, stale: believed } = this.#belief;
    const { known, stale } = this.#world.stateAt(position);
    const { ids } = this.#options;

    for (const thing of held.values()) {
      if (evicted.has(thing.id)) continue;
      const now =
        known.get(thing.id) ?? (end === null && adopted.has(thing.id) ? this.#world.known.get(thing.id) : undefined);
      const order = now === undefined ? null : this.#order(now);
      this.#require(order === this.#order(thing), `${thing.id} is held as ${this.#order(thing)}, and is ${order}`);
    }
    for (const thing of known.values()) {
      if (!this.#matches(thing) || evicted.has(thing.id) || (ids !== null && !ids.includes(thing.id))) continue;
      const mayBeUnknown = ids === null && thing.endedAtMs !== null && !this.#endedSinceStart(thing);
      this.#require(held.has(thing.id) || mayBeUnknown, `${thing.id} as ${thing.stamp} was not received`);
    }
    const concerns = [...stale].some((subject) => this.#concerns(subject));
    if (end === null)
      this.#require(believed === (concerns || isLocal), `stale: ${believed}, expected ${concerns || isLocal}`);
    else if (!wasLocal) this.#require(believed === concerns, `stale at its end: ${believed}, expected ${concerns}`);
    this.#require(this.#belief.run === null, 'its snapshot has no end');
  }

  get #belief(): Belief {
    return this.#beliefs.at(-1) ?? blank;
  }

  #matches({ group }: Thing): boolean {
    return this.#options.groups?.includes(group) ?? true;
  }

  #concerns(subject: StaleSubject): boolean {
    const { ids } = this.#options;
    if (subject === 'feed') return true;
    if (subject === 'list') return ids === null;
    if (subject === 'results') return this.#options.withResults;
    return ids === null || ids.includes(subject.slice('entity:'.length));
  }

  /** Increases with each state of a thing that the client can see. */
  #order({ stamp, results }: Thing): number {
    return stamp * 10_000 + (this.#options.withResults ? results : 0);
  }

  #isOver({ endedAtMs, settled }: Thing): boolean {
    return endedAtMs !== null && (settled || !this.#options.withResults);
  }

  #endedSinceStart({ id }: Thing): boolean {
    const start = this.#start;
    const life = start === null ? undefined : this.#world.life(start.epoch);
    if (start === null || life === undefined || start.epoch !== this.#world.epoch) return false;
    return life.entries
      .slice(start.sequence)
      .some(
        (change) =>
          change.kind === 'CHANGED' &&
          change.entity.id === id &&
          change.previous.endedAtMs === null &&
          change.entity.endedAtMs !== null,
      );
  }

  /** The first position after the start at which all ids have ended or are removed; null: there is none yet. */
  #completion(): Position | null {
    const { ids } = this.#options;
    const start = this.#start;
    if (ids === null || start === null) return null;
    const running = new Set<string>();
    const { known } = this.#world.stateAt(start);
    const entries = this.#world.life(start.epoch)?.entries ?? [];
    for (const id of ids) {
      const thing = known.get(id);
      if (thing !== undefined && !this.#isOver(thing)) running.add(id);
      const missed = start.isReplay ? entries.slice(start.sequence, start.opened.sequence) : [];
      const first = missed.find((change) => 'entity' in change && change.entity.id === id);
      if (first?.kind === 'CREATED') running.add(id);
    }
    for (let sequence = start.sequence; ; sequence += 1) {
      if (running.size === 0) return { epoch: start.epoch, sequence };
      const change = entries[sequence];
      if (change === undefined) return null;
      if (!('entity' in change) || !ids.includes(change.entity.id)) continue;
      if (change.kind === 'REMOVED' || this.#isOver(change.entity)) running.delete(change.entity.id);
      else running.add(change.entity.id);
    }
  }

  #receive(event: WatchEvent<Thing>): void {
    const [, epoch = '', digits = '', partial] =
      /^([\w-]+)\.(\d+)(?:\.[\w-]{8})?(\.partial)?$/.exec(event.cursor) ?? [];
    const position = { epoch, sequence: Number(digits), partial: partial !== undefined, kind: event.kind };
    this.#require(this.#world.life(epoch) !== undefined, `it received the cursor ${event.cursor}`);
    const before = event.kind === 'RESYNC' ? { ...blank, last: this.#belief.last } : this.#belief;
    this.#checkOrder(event, position, before);
    const stale = this.#nextStale(event, before);
    const held = new Map(before.held);
    const stamps = new Map(event.kind === 'RESYNC' ? this.#belief.stamps : before.stamps);
    if (event.entity !== null) {
      this.#checkEntity(event, position, before);
      const { id } = event.entity;
      stamps.set(id, this.#order(event.entity));
      if (event.kind === 'REMOVED' || !this.#matches(event.entity)) held.delete(id);
      else held.set(id, event.entity);
      this.#fresh.add(id);
    }
    if (event.kind === 'RESYNC') {
      const { epoch: life, sequence } = position;
      this.#require(this.#mayResync || !this.#options.isRoomy, 'it received a RESYNC without a reason');
      this.#mayResync = false;
      this.#start = { epoch: life, sequence, isReplay: false, opened: position };
    }
    const run = this.#nextRun(event, position, before);
    this.#beliefs.push({ held, stamps, stale, last: position, cursor: event.cursor, run });
  }

  #checkOrder({ kind }: WatchEvent<Thing>, position: Position, { last }: Belief): void {
    if (last === null || last.epoch !== position.epoch) {
      this.#require(kind === 'RESYNC' || last === null, `${kind} begins the life ${position.epoch}`);
      return;
    }
    const isEntry = kind === 'CREATED' || kind === 'CHANGED' || kind === 'REMOVED';
    const grows = isEntry ? position.sequence > last.sequence : position.sequence >= last.sequence;
    this.#require(grows, `${kind} at ${position.sequence} came after ${last.sequence}`);
  }

  #nextStale({ kind }: WatchEvent<Thing>, { stale, last }: Belief): boolean {
    if (kind === 'STALE') {
      // A confirmation repeats the STALE at its end.
      const isRepeated = this.#confirmed && (last === null || last.kind === 'SNAPSHOT' || last.kind === 'STALE');
      this.#require(!stale || isRepeated || this.#confirmed, 'it received STALE twice');
      return true;
    }
    if (kind !== 'RECOVERED') return stale;
    this.#require(stale, 'it received RECOVERED without STALE');
    return false;
  }

  #checkEntity(event: WatchEvent<Thing>, position: Position, { held, stamps }: Belief): void {
    const { kind, entity, previous } = event;
    if (entity === null) return;
    const { ids } = this.#options;
    const { id } = entity;
    const stamp = this.#order(entity);
    this.#require(ids === null || ids.includes(id), `it received ${id}, which it had not named`);
    const isWanted = this.#matches(entity) || (kind === 'CHANGED' && previous !== null && this.#matches(previous));
    this.#require(isWanted, `it received ${id} as ${stamp}, which the filter keeps back`);
    const known = this.#belief.stamps.get(id) ?? stamps.get(id) ?? 0;
    if (kind === 'SNAPSHOT') {
      const stampOf = (thing: Thing | undefined) => (thing === undefined ? null : this.#order(thing));
      const isTrue = this.#world.snapshotsAt(position).some((one) => stampOf(one.known.get(id)) === stamp);
      this.#require(isTrue, `${id} was not ${stamp} at ${position.sequence}`);
      this.#require(stamp >= known, `${id} went back from ${known} to ${stamp}`);
      return;
    }
    const entry = this.#world.entryAt(position);
    const isEntry = entry !== undefined && 'entity' in entry && this.#isShown(entry.entity, entity, position);
    this.#require(
      isEntry && (entry.kind === 'REMOVED') === (kind === 'REMOVED'),
      `no ${kind} of ${id} is at ${position.sequence}`,
    );
    // After another resume, a client receives the first results again that an earlier event has shown.
    const mayRepeat = kind === 'REMOVED' || (previous !== null && !resultRules.isKnown(previous));
    this.#require(mayRepeat ? stamp >= known : stamp > known, `${id} went back from ${known} to ${stamp}`);
    if (kind !== 'CHANGED' || previous === null) return;
    const from = this.#order(previous);
    this.#require(from < stamp, `${id} changed from ${from} to ${stamp}`);
    const before = held.get(id);
    // After a resume in the middle of merged changes, the change begins at a state that the client did not receive.
    const isContinued = before === undefined || from === this.#order(before) || (this.#resumed && !this.#fresh.has(id));
    this.#require(isContinued, `${id} changed from ${from}, and was held as ${before?.stamp}`);
  }

  /** A client that watches results receives the first known results of a thing for entries without results. */
  #isShown(thing: Thing, received: Thing, position: Position): boolean {
    if (thing === received) return true;
    if (!this.#options.withResults || resultRules.isKnown(thing)) return false;
    const first = this.#world.firstResults(thing.id, position);
    return first !== undefined && isDeepStrictEqual(resultRules.carry(first, thing), received);
  }

  /** Continues a snapshot, which must equal the snapshot of the log at its cursor. */
  #nextRun({ kind, entity }: WatchEvent<Thing>, position: Belief['last'] & object, { run }: Belief): Belief['run'] {
    if (kind === 'SNAPSHOT' && entity !== null) {
      const isResync = run?.isResync ?? false;
      const things = [...(run?.things ?? []), entity];
      const received = things.map(({ id }) => id);
      const candidates = this.#world.snapshotsAt(position).map((one) => this.#selection(one, isResync));
      const fits = candidates.some((ids) =>
        isDeepStrictEqual(position.partial ? ids.slice(0, received.length) : ids, received),
      );
      const expected = candidates.map((ids) => ids.join()).join(' or ');
      this.#require(fits, `the snapshot at ${position.sequence} holds ${received.join()}, expected ${expected}`);
      return position.partial ? { things, isResync } : null;
    }
    if (kind === 'RESYNC') {
      const isEmpty = this.#world.snapshotsAt(position).some((one) => this.#selection(one, true).length === 0);
      this.#require(position.partial || isEmpty, 'a RESYNC without a snapshot');
      return position.partial ? { things: [], isResync: true } : null;
    }
    if (run === null) return null;
    this.#require(kind === 'STALE', `a snapshot was broken off by ${kind}`);
    const isWhole = this.#world
      .snapshotsAt(position)
      .some((one) => this.#selection(one, run.isResync).length === run.things.length);
    this.#require(isWhole, 'a snapshot was broken off by STALE');
    return null;
  }

  #selection(
    { known, nowMs }: { readonly known: Known; readonly nowMs: number },
    isResync: boolean,
  ): readonly string[] {
    const { ids, endedWithinSeconds, withResults } = this.#options;
    if (ids !== null) {
      return ids.filter((id) => {
        const thing = known.get(id);
        return thing !== undefined && this.#matches(thing);
      });
    }
    const isAwaited = ({ results, settled }: Thing) => withResults && results > 0 && !settled;
    const isRecent = ({ endedAtMs }: Thing) =>
      endedAtMs === null || isResync || (endedWithinSeconds > 0 && endedAtMs >= nowMs - endedWithinSeconds * secondMs);
    return [...known.values()]
      .filter((thing) => this.#matches(thing) && (isRecent(thing) || isAwaited(thing)))
      .map(({ id }) => id)
      .toSorted()
      .toReversed();
  }

  #require(holds: boolean, detail: string): asserts holds {
    if (holds) return;
    const { ids, groups } = this.#options;
    throw new Error(`A client of ids ${ids?.join() ?? 'all'}, groups ${groups?.join() ?? 'all'}: ${detail}.`);
  }
}
