import { describe, expect, it } from 'vitest';
import { type FeedChange, type LogOpenOptions, LogOverflowError, type StaleSubject } from '../../../src/events/log.ts';
import { type AppliedWrite, LogView } from '../../../src/events/log-view.ts';

interface Item {
  readonly id: string;
  readonly version: number;
}

const item = (id: string, version = 0): Item => ({ id, version });
const at = (ms: number) => new Date(ms);
const created = (id: string): FeedChange<Item> => ({ kind: 'CREATED', entity: item(id) });
const stale = (subject: StaleSubject): FeedChange<Item> => ({ kind: 'STALE', subject });
const recovered = (subject: StaleSubject): FeedChange<Item> => ({ kind: 'RECOVERED', subject });

/** Creates a write with these changes, each of ten bytes. */
const writeOf = (mark: string, ...changes: readonly FeedChange<Item>[]): AppliedWrite<Item> => ({
  write: { changes },
  observedAt: at(1),
  mark,
  bytes: 10 * changes.length,
});

/** Creates a mark of eight letters. */
const markOf = (letter: string) => letter.repeat(8);

/** Creates a view of a log at entry 10 of the epoch `e`. */
function viewAt({ maxEntries = 100, maxBytes = 10_000 } = {}) {
  const view = new LogView<Item>({ key: ({ id }) => id, maxEntries, maxBytes });
  view.reset({
    epoch: 'e',
    sequence: 10,
    mark: markOf('j'),
    observedAt: at(0),
    entities: [item('old')],
    stale: new Set(),
    note: 'first',
  });
  return view;
}

const open = (view: LogView<Item>, after?: string, onReadable: LogOpenOptions['onReadable'] = () => undefined) =>
  view.open({ after, onReadable });

/** Describes the beginning of a reader with this cursor, and its missed entries. */
function beginning(view: LogView<Item>, after: string) {
  const { start, tail } = open(view, after);
  tail[Symbol.dispose]();
  if (start.kind !== 'replay') return start.kind;
  return start.missed.map(({ change }) => ('entity' in change ? change.entity.id : `${change.kind} ${change.subject}`));
}

describe('a cursor', () => {
  it('continues in the log if it belongs to this life of the log', () => {
    const view = viewAt();
    view.apply(writeOf(markOf('k'), created('a'), created('b')));
    view.apply(writeOf(markOf('l'), created('c')));
    expect(view.cursor).toBe('e.13.llllllll');
    const cursors = ['e.10.jjjjjjjj', 'e.11.kkkkkkkk', 'e.12.kkkkkkkk', 'e.13.llllllll'];
    expect(cursors.map((cursor) => beginning(view, cursor))).toEqual([['a', 'b', 'c'], ['b', 'c'], ['c'], []]);
    expect(cursors.map((cursor) => view.knows(cursor))).toEqual([true, true, true, true]);
  });

  it.each([
    ['of another epoch', 'f.11.kkkkkkkk'],
    ['of an entry that was lost, at the floor', 'e.10.xxxxxxxx'],
    ['of an entry that was lost', 'e.11.xxxxxxxx'],
    ['without its mark', 'e.11'],
    ['of an entry to come', 'e.12.kkkkkkkk'],
    ['with a zero before its number', 'e.011.kkkkkkkk'],
    ['with a number that is too long', 'e.1000000000000000.kkkkkkkk'],
    ['with a mark that is too short', 'e.11.kkkkkkk'],
    ['with something before it', ' e.11.kkkkkkkk'],
    ['with something behind it', 'e.11.kkkkkkkk.1'],
    ['that is empty', ''],
  ])('%s is unknown', (_, cursor) => {
    const view = viewAt();
    view.apply(writeOf(markOf('k'), created('a')));
    expect([beginning(view, cursor), view.knows(cursor)]).toEqual(['resync', false]);
  });

  it('has no mark if its write has none', () => {
    const view = viewAt();
    view.apply(writeOf('', created('a')));
    expect([view.cursor, beginning(view, 'e.11')]).toEqual(['e.11', []]);
    expect(beginning(view, 'e.11.kkkkkkkk')).toBe('resync');
  });
});

describe('the held entries', () => {
  it.each([
    { bound: 'number', bounds: { maxEntries: 2 } },
    { bound: 'size', bounds: { maxBytes: 20 } },
  ])('are the last ones, up to the limit of $bound', ({ bounds }) => {
    const view = viewAt(bounds);
    view.apply(writeOf(markOf('k'), created('a'), created('b')));
    expect(beginning(view, 'e.10.jjjjjjjj')).toEqual(['a', 'b']);
    view.apply(writeOf(markOf('l'), created('c')));
    expect(beginning(view, 'e.10.jjjjjjjj')).toBe('resync');
    expect(beginning(view, 'e.11.kkkkkkkk')).toEqual(['b', 'c']);
    expect(beginning(view, 'e.11.xxxxxxxx')).toBe('resync');
    // Dropped entries no longer count.
    view.apply(writeOf(markOf('m'), created('d')));
    expect(beginning(view, 'e.12.kkkkkkkk')).toEqual(['c', 'd']);
  });

  it('include the newest one, however large it is', () => {
    const view = viewAt({ maxBytes: 5 });
    view.apply(writeOf(markOf('k'), created('a'), created('b')));
    expect(beginning(view, 'e.11.kkkkkkkk')).toEqual(['b']);
  });

  it('make a slow reader overflow when an entry that it has not read is dropped', () => {
    const view = viewAt({ maxEntries: 2 });
    const { tail } = open(view);
    view.apply(writeOf(markOf('k'), created('a'), created('b'), created('c')));
    expect(() => tail.read()).toThrow(LogOverflowError);
    const { tail: other } = open(view);
    view.apply(writeOf(markOf('l'), created('d'), created('e')));
    const taken = [other.read(), other.read(), other.read()].map((entry) => entry?.cursor ?? null);
    expect(taken).toEqual(['e.14.llllllll', 'e.15.llllllll', null]);
  });

  it('are empty after a reset, which makes readers overflow and resets the size', () => {
    const view = viewAt({ maxBytes: 20 });
    view.apply(writeOf(markOf('k'), created('a'), created('b')));
    const { tail } = open(view);
    view.reset({ ...view.state, entities: [item('a', 5)], stale: new Set(['list']), note: 'second' });
    expect(() => tail.read()).toThrow(LogOverflowError);
    expect(view.snapshot).toMatchObject({ entities: [item('a', 5)], stale: new Set(['list']), note: 'second' });
    view.apply(writeOf(markOf('l'), created('c'), created('d')));
    expect(beginning(view, 'e.12.kkkkkkkk')).toEqual(['c', 'd']);
  });
});

describe('older entries', () => {
  const older = [writeOf(markOf('g'), created('g1')), writeOf(markOf('i'), created('i1'), created('i2'))];
  const oldest = { sequence: 7, mark: markOf('f') };

  it('are requested if a cursor needs them, as far back as the log reaches', () => {
    const view = viewAt({ maxEntries: 4 });
    view.apply(writeOf(markOf('k'), created('a')));
    const cursors = ['e.6.xxxxxxxx', 'e.7.xxxxxxxx', 'e.9.xxxxxxxx', 'e.10.jjjjjjjj', 'f.7.xxxxxxxx'];
    expect(cursors.map((cursor) => view.missing(cursor))).toEqual([
      null,
      { after: 7, upTo: 10 },
      { after: 9, upTo: 10 },
      null,
      null,
    ]);
    expect(viewAt().missing('f.7.xxxxxxxx')).toBeNull();
  });

  it('are put before the held ones, so that readers continue from there', () => {
    const view = viewAt();
    view.apply(writeOf(markOf('k'), created('a')));
    const { tail } = open(view);
    const withoutEntries = { ...writeOf(markOf('h')), write: { note: 'between' } };
    view.prepend([...older.slice(0, 1), withoutEntries, ...older.slice(1)], 10, oldest);
    expect(beginning(view, 'e.7.ffffffff')).toEqual(['g1', 'i1', 'i2', 'a']);
    expect(beginning(view, 'e.8.gggggggg')).toEqual(['i1', 'i2', 'a']);
    expect(beginning(view, 'e.9.iiiiiiii')).toEqual(['i2', 'a']);
    expect([beginning(view, 'e.7.xxxxxxxx'), beginning(view, 'e.9.gggggggg')]).toEqual(['resync', 'resync']);
    view.apply(writeOf(markOf('l'), created('b')));
    expect(tail.read()?.cursor).toBe('e.12.llllllll');
  });

  it('are not verified by the entry before them if the log has more', () => {
    const view = viewAt();
    view.prepend(older, 10, { sequence: 6, mark: markOf('e') });
    const before = ['e.7.ffffffff', 'e.7.eeeeeeee', 'e.7'];
    expect(before.map((cursor) => beginning(view, cursor))).toEqual(['resync', 'resync', 'resync']);
    expect(beginning(view, 'e.8.gggggggg')).toEqual(['i1', 'i2']);
  });

  it('are ignored when they do not end where the held ones begin', () => {
    const view = viewAt();
    view.prepend(older, 9, oldest);
    expect([beginning(view, 'e.7.gggggggg'), beginning(view, 'e.9.iiiiiiii')]).toEqual(['resync', 'resync']);
  });

  it('count toward the limits', () => {
    const view = viewAt({ maxBytes: 20 });
    view.apply(writeOf(markOf('k'), created('a')));
    view.prepend(older, 10, oldest);
    expect(beginning(view, 'e.8.gggggggg')).toBe('resync');
    expect(beginning(view, 'e.9.iiiiiiii')).toEqual(['i2', 'a']);
    view.apply(writeOf(markOf('l'), created('b')));
    expect(beginning(view, 'e.9.iiiiiiii')).toBe('resync');
    expect(beginning(view, 'e.10.iiiiiiii')).toEqual(['a', 'b']);
  });
});

describe('the snapshot', () => {
  it('is the same object until something changes', () => {
    const view = viewAt();
    const first = view.snapshot;
    expect(view.snapshot).toBe(first);
    view.apply({ write: { note: 'second' }, observedAt: at(5), mark: markOf('k'), bytes: 0 });
    expect(view.snapshot).toEqual({ ...first, observedAt: at(5), note: 'second' });
    const second = view.snapshot;
    view.markLocal('out of reach', true, at(6));
    expect(view.snapshot).toEqual({ ...second, stale: new Set(['local']) });
  });

  it('keeps known entities when they are adopted again, and the note after a write without one', () => {
    const view = viewAt();
    const write = { adopted: [item('old', 9), item('new', 9)] };
    view.apply({ write, observedAt: at(1), mark: markOf('k'), bytes: 0 });
    expect(view.snapshot).toMatchObject({ entities: [item('old'), item('new', 9)], note: 'first' });
  });

  it('follows each kind of change, and drops evicted entities', () => {
    const view = viewAt();
    view.apply(writeOf(markOf('k'), created('a'), stale('list'), stale('feed')));
    view.apply({
      ...writeOf(markOf('l'), recovered('list'), { kind: 'REMOVED', entity: item('old') }),
      observedAt: at(2),
    });
    expect(view.snapshot).toMatchObject({ entities: [item('a')], stale: new Set(['feed']) });
    const changed: FeedChange<Item> = { kind: 'CHANGED', entity: item('a', 1), previous: item('a') };
    view.apply(writeOf(markOf('m'), changed, created('b')));
    view.apply({ write: { evicted: ['b', 'unknown'] }, observedAt: at(3), mark: markOf('n'), bytes: 0 });
    expect(view.snapshot.entities).toEqual([item('a', 1)]);
    expect(view.state).toMatchObject({ epoch: 'e', sequence: 17, mark: markOf('m') });
  });
});

describe('a replay', () => {
  it('begins with the subjects that were stale at its cursor', () => {
    const view = viewAt();
    view.apply(writeOf(markOf('k'), stale('list'), stale('feed'), recovered('list'), created('a')));
    const staleAt = (cursor: string) => {
      const { start } = open(view, cursor);
      return start.kind === 'replay' ? [...start.stale].toSorted() : start.kind;
    };
    expect(['e.10.jjjjjjjj', 'e.11.kkkkkkkk', 'e.12.kkkkkkkk', 'e.13.kkkkkkkk'].map(staleAt)).toEqual([
      [],
      ['list'],
      ['feed', 'list'],
      ['feed'],
    ]);
  });
});

describe('a log that is stale for this process alone', () => {
  it('emits STALE with the first reason and RECOVERED when the last one is gone', () => {
    const view = viewAt();
    const { tail } = open(view);
    view.markLocal('unattended', true, at(5));
    view.markLocal('out of reach', true, at(6));
    view.markLocal('unattended', false, at(7));
    view.markLocal('out of reach', false, at(8));
    view.markLocal('out of reach', false, at(9));
    const taken = [tail.read(), tail.read(), tail.read()];
    expect(taken).toMatchObject([
      { observedAt: at(5), change: { kind: 'STALE', subject: 'local' } },
      { observedAt: at(8), change: { kind: 'RECOVERED', subject: 'local' }, cursor: 'e.10.jjjjjjjj' },
      null,
    ]);
    view.apply(writeOf(markOf('k'), created('a')));
    view.markLocal('unattended', true, at(10));
    view.markLocal('unattended', false, at(11));
    view.apply(writeOf(markOf('l'), created('b')));
    expect(beginning(view, 'e.10.jjjjjjjj')).toEqual(['a', 'b']);
  });

  it('ends each replay with one STALE, which readers that resume at one position share', () => {
    const view = viewAt();
    view.markLocal('unattended', true, at(5));
    view.apply(writeOf(markOf('k'), created('a')));
    const last = (after: string) => {
      const { start } = open(view, after);
      return start.kind === 'replay' ? start.missed.at(-1) : undefined;
    };
    expect(beginning(view, 'e.10.jjjjjjjj')).toEqual(['a', 'STALE local']);
    const one = last('e.10.jjjjjjjj');
    expect(last('e.11.kkkkkkkk')).toBe(one);
    view.apply(writeOf(markOf('l'), created('b')));
    expect(last('e.11.kkkkkkkk')?.cursor).not.toBe(one?.cursor);
    view.markLocal('unattended', false, at(6));
    view.markLocal('unattended', true, at(7));
    expect(last('e.11.kkkkkkkk')?.observedAt).toEqual(at(7));
  });

  it('also limits the local entries that it holds', () => {
    const view = viewAt({ maxEntries: 2 });
    const { tail } = open(view);
    for (const on of [true, false, true]) view.markLocal('unattended', on, at(5));
    expect(() => tail.read()).toThrow(LogOverflowError);
  });
});

describe('readers and watchers', () => {
  const turn = () => new Promise<void>((resolve) => queueMicrotask(resolve));

  it('are notified once per turn of entries, their loss and the end, until they leave', async () => {
    const view = viewAt();
    let calls = 0;
    const { tail } = open(view, undefined, () => {
      calls += 1;
    });
    const callsAfter = async (step: () => void) => {
      calls = 0;
      step();
      expect(calls).toBe(0);
      await turn();
      return calls;
    };
    const write = () => view.apply(writeOf(markOf('k'), created('a')));
    const twice = () => {
      write();
      write();
    };
    const quiet = () => view.apply({ write: { note: 1 }, observedAt: at(1), mark: markOf('k'), bytes: 0 });
    expect([await callsAfter(write), await callsAfter(twice), await callsAfter(quiet)]).toEqual([1, 1, 0]);
    expect(await callsAfter(() => view.markLocal('unattended', true, at(1)))).toBe(1);
    expect(await callsAfter(() => view.reset(view.state))).toBe(1);
    expect([view.closed, await callsAfter(() => view.close()), view.closed]).toEqual([false, 1, true]);
    tail[Symbol.dispose]();
    expect(await callsAfter(write)).toBe(0);
  });

  it('are not notified after the end', () => {
    const view = viewAt();
    const { tail } = open(view);
    view.apply(writeOf(markOf('k'), created('a')));
    expect(tail.ended).toBe(false);
    view.close();
    expect([tail.ended, tail.read()]).toEqual([true, null]);
  });

  it('receive an entry that is written after they had read all entries', () => {
    const view = viewAt();
    const { tail } = open(view);
    expect([tail.read(), tail.read(), tail.snapshot]).toEqual([null, null, view.snapshot]);
    view.apply(writeOf(markOf('k'), created('a')));
    expect([tail.read()?.cursor, tail.snapshot]).toEqual(['e.11.kkkkkkkk', view.snapshot]);
  });

  it('begin a log without entries with its snapshot, and receive a resync if they have a cursor of another log', () => {
    const view = viewAt();
    view.reset({ ...view.state, epoch: 'new', sequence: 0, mark: '' });
    expect([view.epoch, view.cursor, open(view).start.kind]).toEqual(['new', 'new.0', 'snapshot']);
    expect(['new.0', 'e.10.jjjjjjjj'].map((cursor) => beginning(view, cursor))).toEqual([[], 'resync']);
  });

  it('are notified after every change of the snapshot, until they leave', () => {
    const view = viewAt();
    const seen: unknown[] = [];
    const watch = view.watch(() => seen.push(view.snapshot.note));
    view.apply({ write: { note: 'second' }, observedAt: at(1), mark: markOf('k'), bytes: 0 });
    view.reset({ ...view.state, note: 'third' });
    watch[Symbol.dispose]();
    view.reset(view.state);
    expect(seen).toEqual(['second', 'third']);
  });
});
