import { describe, expect, it } from 'vitest';
import type { ReadingTimes } from '../../../src/domain/reading-times.ts';
import { ForbiddenError, type GatewayError, UpstreamUnreachableError } from '../../../src/errors.ts';
import type { FeedMember } from '../../../src/polling/members.ts';
import { type Attempt, ResultReadings, type ResultRequest } from '../../../src/polling/results.ts';
import type { FeedSource } from '../../../src/polling/sources/source.ts';

/** A run whose results are files. */
interface Run extends ReadingTimes {
  readonly id: string;
  readonly version: number;
  readonly endedAt: Date | null;
  readonly hasEnded: boolean;
  /** Ids of files that can still change. */
  readonly open: readonly string[];
  /** The last reading of the files; null: there was none. */
  readonly files: string | null;
  readonly settled: boolean;
}

const start = new Date('2030-01-01T00:00:00Z');
const minuteMs = 60_000;

const run = (id: string, more: Partial<Run> = {}): Run => ({
  requestedAt: start,
  observedAt: start,
  id,
  version: 0,
  endedAt: null,
  hasEnded: false,
  open: [`${id}-file`],
  files: null,
  settled: false,
  ...more,
});
const ended = (id: string, more: Partial<Run> = {}): Run => run(id, { hasEnded: true, endedAt: start, ...more });

const member = (reader: string): FeedMember<string> => ({
  reader,
  credential: reader,
  ids: null,
  withResults: true,
  onRefused: () => undefined,
});

/** A feed's readings of results, and the calls that they make. */
class Setup {
  readonly calls: { readonly by: string; readonly ids: readonly string[] }[] = [];
  members: readonly FeedMember<string>[] = [member('one')];
  /** Returns the error of a reader's call; null: the call succeeds. */
  failure: (reader: string) => unknown = () => null;
  /** The failure of a part of each call. */
  incomplete: GatewayError | null = null;
  /** The effect of the next call on each run. */
  apply = (entity: Run): Run => ({ ...entity, files: 'read' });
  attempt: Attempt<string> = (by, work) => work(by.reader, { signal: new AbortController().signal });
  readonly readings: ResultReadings<Run, string>;

  constructor({ withoutResults = false } = {}) {
    const results: NonNullable<FeedSource<Run, string, unknown>['results']> = {
      isKnown: ({ files }) => files !== null,
      isSettled: ({ settled }) => settled,
      awaited: ({ open }) => open,
      read: async (reader, ids) => {
        this.calls.push({ by: reader, ids });
        const failure = this.failure(reader);
        if (failure !== null) throw failure;
        return {
          apply: (entity) => this.apply(entity),
          calls: Math.ceil(ids.length / 100),
          incomplete: this.incomplete,
        };
      },
      settle: (entity) => ({ ...entity, settled: true }),
      carry: ({ files, settled }, entity) => ({ ...entity, files, settled }),
      difference: () => 'entity',
    };
    this.readings = new ResultReadings<Run, string>(
      {
        key: ({ id }) => id,
        isTerminal: ({ hasEnded }) => hasEnded,
        mayFollow: (before, entity) => entity.hasEnded || !before.hasEnded,
        endedAt: ({ endedAt }) => endedAt,
        ...(withoutResults ? {} : { results }),
      },
      this,
    );
  }

  get resultReaders(): readonly FeedMember<string>[] {
    return this.members;
  }

  has(one: FeedMember<string>): boolean {
    return this.members.includes(one);
  }

  /** Makes a round. By default, everything is watched with its results. */
  round({ known = [], ...more }: Partial<Omit<ResultRequest<Run>, 'known'>> & { readonly known?: readonly Run[] }) {
    const everything = { everything: true, ids: new Set<string>() };
    return this.readings.round(
      {
        scope: { ...everything, results: everything },
        known: new Map(known.map((entity) => [entity.id, entity])),
        read: [],
        absent: [],
        endedSeen: new Map(),
        now: start,
        nowMs: 0,
        ...more,
      },
      this.attempt,
    );
  }

  get ids(): readonly (readonly string[])[] {
    return this.calls.map(({ ids }) => ids);
  }
}

const named = (...ids: readonly string[]) => ({
  everything: true,
  ids: new Set<string>(),
  results: { everything: false, ids: new Set(ids) },
});

describe('a round of results', () => {
  it('leaves entities unchanged if the feed has no results', async () => {
    const read = [run('a', { version: 1 })];
    expect(await new Setup({ withoutResults: true }).round({ known: [run('a', { files: 'old' })], read })).toEqual({
      read,
      updated: [],
      failures: 0,
      awaits: false,
      everything: false,
      calls: 0,
    });
  });

  it('carries known results over to new readings of the entities, even if no subscriber watches results', async () => {
    const setup = new Setup();
    const scope = { everything: true, ids: new Set<string>() };
    const known = [run('a', { files: 'old' })];
    const outcome = await setup.round({ scope, known, read: [run('a', { version: 1 }), run('b')] });
    expect(outcome).toEqual({
      read: [run('a', { version: 1, files: 'old' }), run('b')],
      updated: [],
      failures: 0,
      awaits: false,
      everything: false,
      calls: 0,
    });
    expect(setup.calls).toEqual([]);
  });

  it('reads the results of entities that it has read, and of known ones', async () => {
    const setup = new Setup();
    const outcome = await setup.round({ known: [run('a'), run('b')], read: [run('b', { version: 1 }), run('c')] });
    expect(setup.ids).toEqual([['a-file', 'b-file', 'c-file']]);
    expect(outcome).toEqual({
      read: [run('b', { version: 1, files: 'read' }), run('c', { files: 'read' })],
      updated: [run('a', { files: 'read' })],
      failures: 0,
      awaits: false,
      everything: true,
      calls: 1,
    });
  });

  it('reads only watched results, and covers the sandbox only if all of it is watched', async () => {
    const setup = new Setup();
    const outcome = await setup.round({ scope: named('b'), known: [run('a'), run('b')] });
    expect(setup.ids).toEqual([['b-file']]);
    expect(outcome).toMatchObject({ updated: [run('b', { files: 'read' })], everything: false });
  });

  it('reads nothing for settled or absent entities', async () => {
    const setup = new Setup();
    const outcome = await setup.round({ known: [run('a', { settled: true }), run('b')], absent: ['b'] });
    expect(setup.calls).toEqual([]);
    expect(outcome).toMatchObject({ read: [], updated: [], everything: true, calls: 0 });
  });

  it('awaits the results of ended entities until they are settled', async () => {
    const setup = new Setup();
    expect((await setup.round({ known: [ended('a'), run('b')] })).awaits).toBe(true);
    setup.apply = (entity) => ({ ...entity, settled: true });
    expect((await setup.round({ known: [ended('a'), run('b')] })).awaits).toBe(false);
    setup.apply = (entity) => entity;
    expect((await setup.round({ known: [run('b')] })).awaits).toBe(false);
    setup.apply = (entity) => ({ ...entity, settled: entity.id === 'a' });
    expect((await setup.round({ known: [ended('a'), ended('c')] })).awaits).toBe(true);
  });

  it('shows running entities without results as read, without a call', async () => {
    const setup = new Setup();
    const outcome = await setup.round({ known: [run('a', { open: [] }), run('b')] });
    expect(setup.ids).toEqual([['b-file']]);
    expect(outcome.updated).toEqual([run('a', { open: [], files: 'read' }), run('b', { files: 'read' })]);
  });

  it('treats an ended entity as ended although a lagging replica of the platform shows it as running', async () => {
    const setup = new Setup();
    const running = run('a', { version: 1 });
    expect((await setup.round({ known: [ended('a')], read: [running] })).awaits).toBe(true);
    expect((await setup.round({ known: [run('a')], read: [ended('a')] })).awaits).toBe(true);
    expect((await setup.round({ known: [ended('a')], read: [ended('a', { open: ['x'] })] })).awaits).toBe(true);
    expect(setup.ids.at(-1)).toEqual(['x']);
    await setup.round({ known: [run('a')], read: [run('a', { open: ['y'] })] });
    expect(setup.ids.at(-1)).toEqual(['y']);
  });
});

describe('entities whose results are no longer awaited', () => {
  const lateBy = (ms: number) => new Date(start.getTime() + 15 * minuteMs + ms);

  it('include those that ended 15 minutes ago or earlier', async () => {
    const setup = new Setup();
    const known = [ended('a')];
    expect(await setup.round({ known, now: lateBy(-1) })).toMatchObject({ awaits: true, calls: 1 });
    expect(await setup.round({ known, scope: named('a'), now: lateBy(0) })).toEqual({
      read: [],
      updated: [ended('a', { settled: true })],
      failures: 0,
      awaits: false,
      everything: false,
      calls: 0,
    });
    expect(setup.calls).toHaveLength(1);
  });

  it('include those whose end the gateway saw at that time, whatever the platform reports', async () => {
    const setup = new Setup();
    const endedSeen = new Map([['a', start.getTime() + 1]]);
    const known = [ended('a'), ended('b', { endedAt: null })];
    await setup.round({ known, endedSeen, now: lateBy(0) });
    expect(setup.ids).toEqual([['a-file', 'b-file']]);
    await setup.round({ known, endedSeen, now: lateBy(1) });
    expect(setup.ids.at(-1)).toEqual(['b-file']);
  });

  it('exclude those that end in this round, although the platform reports an old end', async () => {
    const setup = new Setup();
    await setup.round({ known: [run('a')], read: [ended('a'), ended('b')], now: lateBy(0) });
    expect(setup.ids).toEqual([['a-file']]);
  });

  it('are settled if they are named or their results are known, and otherwise stay unchanged', async () => {
    const setup = new Setup();
    const known = ['a', 'b', 'c'].map((id) => ended(id, { open: [], files: id === 'b' ? 'old' : null }));
    const everything = await setup.round({ known });
    expect(everything.updated).toEqual([ended('b', { open: [], files: 'old', settled: true })]);
    const scope = { ...named('a'), results: { everything: true, ids: new Set(['a']) } };
    expect((await setup.round({ known, scope })).updated.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(setup.calls).toEqual([]);
  });
});

describe('a reading of results', () => {
  it('has at most 300 ids, first those of ended entities, then the least recently read', async () => {
    const setup = new Setup();
    const idsOf = (prefix: string, length: number) => Array.from({ length }, (_, index) => `${prefix}${index}`);
    const known = [run('a', { open: idsOf('a', 350) }), ended('b', { open: idsOf('b', 50) })];
    const outcome = await setup.round({ known });
    expect(setup.ids[0]).toEqual([...idsOf('b', 50), ...idsOf('a', 250)]);
    expect(outcome.calls).toBe(3);
    await setup.round({ known });
    expect(setup.ids[1]).toEqual([...idsOf('b', 50), ...idsOf('a', 350).slice(250), ...idsOf('a', 150)]);
  });

  it('changes nothing for entities that it does not include', async () => {
    const setup = new Setup();
    const open = Array.from({ length: 300 }, (_, index) => `${index}`);
    const outcome = await setup.round({ known: [run('a', { open }), run('b'), run('c', { open: ['c', '0'] })] });
    expect(outcome.updated.map(({ id }) => id)).toEqual(['a', 'c']);
  });

  it('leaves everything unchanged when it fails, and is repeated after 2 s, then 4 s, and at most 30 s', async () => {
    const setup = new Setup();
    setup.failure = () => new UpstreamUnreachableError({ message: 'away' });
    let nowMs = 0;
    for (const [index, pauseMs] of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      const failed = await setup.round({ known: [ended('a')], nowMs });
      expect(failed).toMatchObject({ updated: [], failures: index + 1, awaits: true, everything: true, calls: 1 });
      const { length } = setup.calls;
      const paused = await setup.round({ known: [ended('a')], nowMs: nowMs + pauseMs - 1 });
      expect(paused).toMatchObject({ updated: [], failures: index + 1, awaits: true, everything: true, calls: 0 });
      expect(setup.calls).toHaveLength(length);
      nowMs += pauseMs;
    }
    setup.failure = () => null;
    expect(await setup.round({ known: [ended('a')], nowMs })).toMatchObject({ failures: 0, calls: 1 });
    setup.failure = () => new UpstreamUnreachableError({ message: 'away' });
    await setup.round({ known: [ended('a')], nowMs });
    expect((await setup.round({ known: [ended('a')], nowMs: nowMs + 2_000 })).failures).toBe(2);
  });

  it('changes what it could read when a part of it fails, and is repeated after the pause of a failure', async () => {
    const setup = new Setup();
    setup.incomplete = new UpstreamUnreachableError({ message: 'away', retryAfterMs: 5_000 });
    const known = [run('a')];
    const partial = await setup.round({ known });
    expect(partial).toMatchObject({ updated: [{ id: 'a', files: 'read' }], failures: 1, everything: true, calls: 1 });
    expect((await setup.round({ known, nowMs: 4_999 })).calls).toBe(0);
    setup.incomplete = null;
    expect(await setup.round({ known, nowMs: 5_000 })).toMatchObject({ failures: 0, calls: 1 });
  });

  it('waits after a failure as long as the platform requests, if that is longer', async () => {
    const setup = new Setup();
    setup.failure = () => new UpstreamUnreachableError({ message: 'away', retryAfterMs: 60_000 });
    await setup.round({ known: [run('a')] });
    await setup.round({ known: [run('a')], nowMs: 59_999 });
    expect(setup.calls).toHaveLength(1);
    await setup.round({ known: [run('a')], nowMs: 60_000 });
    expect(setup.calls).toHaveLength(2);
  });

  it.each([
    ['no results are awaited', { known: [] }],
    ['no subscriber watches results', { scope: { everything: true, ids: new Set<string>() } }],
  ])('follows at once after a round in which %s', async (_, request) => {
    const setup = new Setup();
    setup.failure = () => new UpstreamUnreachableError({ message: 'away' });
    await setup.round({ known: [run('a')] });
    expect((await setup.round(request)).failures).toBe(0);
    await setup.round({ known: [run('a')] });
    expect(setup.calls).toHaveLength(2);
  });

  it('throws errors that are not failures of the platform', async () => {
    const setup = new Setup();
    setup.failure = () => new RangeError('a defect');
    await expect(setup.round({ known: [run('a')] })).rejects.toThrow('a defect');
  });

  it('is not made, and covers nothing, if no reader is left', async () => {
    const setup = new Setup();
    setup.members = [];
    expect(await setup.round({ known: [run('a')] })).toMatchObject({ updated: [], everything: false, calls: 0 });
    setup.members = [member('one')];
    setup.attempt = async () => null;
    expect(await setup.round({ known: [run('a')] })).toMatchObject({
      updated: [],
      failures: 0,
      everything: false,
      calls: 0,
    });
  });

  it('tries the readers of at most three others, and further ones in the next round', async () => {
    const setup = new Setup();
    setup.members = ['one', 'two', 'three', 'four', 'five'].map(member);
    setup.failure = () => new ForbiddenError({ message: 'no' });
    expect(await setup.round({ known: [run('a')] })).toMatchObject({ failures: 1, calls: 1 });
    expect(setup.calls.map(({ by }) => by)).toEqual(['one', 'two', 'three', 'four']);
    await setup.round({ known: [run('a')] });
    expect(setup.calls.slice(4).map(({ by }) => by)).toEqual(['five']);
    await setup.round({ known: [run('a')], nowMs: 3_999 });
    expect(setup.calls).toHaveLength(5);
    await setup.round({ known: [run('a')], nowMs: 4_000 });
    expect(setup.calls.slice(5).map(({ by }) => by)).toEqual(['one', 'two', 'three', 'four']);
    setup.failure = () => null;
    await setup.round({ known: [run('a')], nowMs: 4_000 });
    expect(setup.calls.slice(9).map(({ by }) => by)).toEqual(['five']);
  });

  it('tries each credential once, and again when it has left and returned', async () => {
    const setup = new Setup();
    const [one, again, two] = [member('one'), member('one'), member('two')];
    setup.members = [one, again, two];
    setup.failure = (reader) => (reader === 'one' ? new ForbiddenError({ message: 'no' }) : null);
    await setup.round({ known: [run('a')] });
    await setup.round({ known: [run('a')] });
    setup.members = [two];
    await setup.round({ known: [run('a')] });
    setup.members = [one, two];
    await setup.round({ known: [run('a')] });
    expect(setup.calls.map(({ by }) => by)).toEqual(['one', 'two', 'two', 'two', 'one', 'two']);
  });

  it('does not use a reader whose subscriber left while another one was rejected', async () => {
    const setup = new Setup();
    const [one, two, three] = [member('one'), member('two'), member('three')];
    setup.members = [one, two, three];
    setup.failure = (reader) => {
      if (reader !== 'one') return null;
      setup.members = [one, three];
      return new ForbiddenError({ message: 'no' });
    };
    await setup.round({ known: [run('a')] });
    expect(setup.calls.map(({ by }) => by)).toEqual(['one', 'three']);
  });

  it('does not try another reader after a failure other than a rejection', async () => {
    const setup = new Setup();
    setup.members = ['one', 'two'].map(member);
    setup.failure = () => new UpstreamUnreachableError({ message: 'away' });
    await setup.round({ known: [run('a')] });
    expect(setup.calls.map(({ by }) => by)).toEqual(['one']);
  });
});
