import { describe, expect, it } from 'vitest';
import { checkViews, type Truth } from '../../support/history/check-views.ts';
import { checkWatches } from '../../support/history/check-watches.ts';
import {
  everything,
  type HistoryScope,
  isLastStatus,
  type SeenEvent,
  type SessionEnd,
  type WatchHistory,
  type WatchSession,
} from '../../support/history/watch-history.ts';

const at = (second: number): Date => new Date(Date.UTC(2030, 0, 1, 0, 0, second));

const about = (id: string, status: string) => ({ id, status, state: status });
const event = (kind: SeenEvent['kind'], cursor: string, entity: SeenEvent['entity'] = null): SeenEvent => ({
  kind,
  cursor,
  observedAt: at(0).toISOString(),
  previousStatus: null,
  entity,
});
const snapshot = (cursor: string, id: string, status: string) => event('SNAPSHOT', cursor, about(id, status));
const created = (cursor: string, id: string, status: string) => event('CREATED', cursor, about(id, status));
const removed = (cursor: string, id: string, status: string) => event('REMOVED', cursor, about(id, status));
const changed = (cursor: string, id: string, from: string, to: string): SeenEvent => ({
  ...event('CHANGED', cursor, about(id, to)),
  previousStatus: from,
});
/** Creates an event of a job that succeeded, after a change of its only batch. */
const written = (cursor: string, batch: string | null): SeenEvent => ({
  ...event('CHANGED', cursor, { ...about('a', 'SUCCEEDED'), batches: new Map([['x', batch]]) }),
  previousStatus: cursor === 'e.5' ? 'NEW' : 'SUCCEEDED',
});

const session = (events: readonly SeenEvent[], options: Partial<WatchSession> = {}): WatchSession => ({
  after: null,
  openedAt: at(0),
  end: 'left',
  endedAt: at(20),
  events,
  ...options,
});
const history = (sessions: readonly WatchSession[], scope: HistoryScope = everything, name = 'ann'): WatchHistory => ({
  name,
  scope,
  sessions,
});
const once = (events: readonly SeenEvent[], scope?: HistoryScope, end: SessionEnd = 'left') => [
  history([session(events, { end })], scope),
];

const byIds = (...ids: string[]): HistoryScope => ({ ids: new Set(ids), statuses: null });
const byStatuses = (...statuses: string[]): HistoryScope => ({ ids: null, statuses: new Set(statuses) });

const rulesOf = (histories: readonly WatchHistory[]) => checkWatches(histories).map(({ rule }) => rule);

const start = [snapshot('e.4.partial', 'a', 'NEW'), snapshot('e.4', 'b', 'PROCESSING')];

describe('a correct history', () => {
  it.each<[what: string, histories: readonly WatchHistory[]]>([
    ['without events', [history([])]],
    [
      'of snapshots and changes',
      once([
        ...start,
        changed('e.5', 'a', 'NEW', 'PROCESSING'),
        created('e.6', 'c', 'NEW'),
        changed('e.8', 'c', 'NEW', 'UNKNOWN'),
        changed('e.9', 'c', 'UNKNOWN', 'QUEUED'),
        removed('e.10', 'a', 'PROCESSING'),
        created('e.11', 'a', 'SUCCEEDED'),
      ]),
    ],
    ['of a job that changes after its end', once([...start, changed('e.5', 'z', 'SUCCEEDED', 'SUCCEEDED')])],
    [
      'of a STALE that begins with the snapshot and recovers',
      once([...start, event('STALE', 'e.4'), event('RECOVERED', 'e.5'), event('STALE', 'e.6')]),
    ],
    [
      'of a STALE at the end of the snapshot',
      once([...start.slice(0, 1), event('STALE', 'e.4'), created('e.5', 'c', 'NEW')]),
    ],
    [
      'of a STALE of only one replica',
      once([
        ...start,
        event('STALE', 'e.4.partial'),
        created('e.5.partial', 'c', 'NEW'),
        event('RECOVERED', 'e.5'),
        event('STALE', 'e.5.partial'),
        event('RECOVERED', 'e.5'),
      ]),
    ],
    [
      'of a STALE in the log, and then of one replica',
      once([...start, event('STALE', 'e.5'), created('e.7.partial', 'c', 'NEW'), event('RECOVERED', 'e.7')]),
    ],
    [
      'of cursors with the marks of their writes',
      once([...start.slice(0, 1), snapshot('e.4.aB3-_xyz', 'b', 'NEW'), created('e.5.aB3-_xyw', 'c', 'NEW')]),
    ],
    [
      'with cursors that also identify the write',
      [
        history([
          session([snapshot('e.4.aBcD-_12.partial', 'a', 'NEW'), snapshot('e.4.aBcD-_12', 'b', 'NEW')]),
          session([changed('e.5.EfGh3456', 'a', 'NEW', 'QUEUED')], { after: 'e.4.aBcD-_12' }),
        ]),
      ],
    ],
    [
      'that resumes after its last event',
      [
        history([
          session([...start, changed('e.5', 'a', 'NEW', 'QUEUED')]),
          session([changed('e.6', 'a', 'QUEUED', 'PROCESSING')], { after: 'e.5' }),
        ]),
      ],
    ],
    [
      'that restarts with snapshots, in another life of the log',
      [
        history([
          session(start),
          session([event('RESYNC', 'f.2.partial'), snapshot('f.2', 'a', 'PROCESSING'), created('f.3', 'c', 'NEW')], {
            after: 'e.4',
          }),
        ]),
      ],
    ],
    [
      'that was left in the middle of its snapshots',
      [
        history([
          session(start.slice(0, 1)),
          session([event('RESYNC', 'e.9.partial'), snapshot('e.9', 'a', 'QUEUED')], { after: 'e.4.partial' }),
        ]),
      ],
    ],
    [
      'of ids, all of which have ended',
      once(
        [snapshot('e.4', 'a', 'NEW'), changed('e.5', 'a', 'NEW', 'FAILED'), removed('e.6', 'b', 'NEW')],
        byIds('a', 'b'),
        'completed',
      ),
    ],
    [
      'of batches that a stale snapshot showed as they were later',
      once([
        event('SNAPSHOT', 'e.4', { ...about('a', 'SUCCEEDED'), batches: new Map([['x', 'SUCCESS']]) }),
        event('STALE', 'e.4'),
        written('e.6', 'SUCCESS'),
        event('RECOVERED', 'e.7'),
        written('e.8', 'STAGING'),
      ]),
    ],
    [
      'of batches, which become readable after the end of their job',
      once(
        [
          snapshot('e.4', 'a', 'NEW'),
          ...['LOADED', 'STAGING', 'SUCCESS'].map((each, index) => written(`e.${index + 5}`, each)),
        ],
        byIds('a'),
        'completed',
      ),
    ],
    [
      'of a batch that was removed',
      once([snapshot('e.4', 'a', 'NEW'), written('e.5', 'LOADED'), written('e.6', null)], byIds('a'), 'completed'),
    ],
    [
      'that begins with a snapshot, from a replica that is further behind',
      [
        history([
          session([...start, changed('e.5', 'a', 'NEW', 'QUEUED')]),
          session([snapshot('e.4.partial', 'a', 'QUEUED'), snapshot('e.4', 'b', 'PROCESSING')]),
        ]),
      ],
    ],
    [
      'of ids within a filter, one of which left it',
      once(
        [snapshot('e.4', 'b', 'PROCESSING'), changed('e.5', 'b', 'PROCESSING', 'FAILED')],
        { ...byIds('a', 'b'), statuses: new Set(['PROCESSING']) },
        'completed',
      ),
    ],
    [
      'of ids within a filter, which completes without an event',
      once([], { ...byIds('a'), statuses: new Set(['FAILED']) }, 'completed'),
    ],
    [
      'of statuses, which a job enters and leaves',
      once(
        [
          snapshot('e.4', 'b', 'PROCESSING'),
          changed('e.5', 'a', 'NEW', 'PROCESSING'),
          changed('e.6', 'a', 'PROCESSING', 'CANCELLING'),
        ],
        byStatuses('PROCESSING'),
      ),
    ],
    [
      'of a client that left before merged changes',
      [
        history([
          session([...start, created('e.6', 'c', 'NEW')]),
          session([changed('e.7', 'a', 'QUEUED', 'PROCESSING')], { after: 'e.6' }),
        ]),
        history([session([...start, changed('e.5', 'a', 'NEW', 'QUEUED')])], undefined, 'bob'),
      ],
    ],
  ])('%s', (_, histories) => {
    expect(checkWatches(histories)).toEqual([]);
  });
});

describe('a history breaks the rule', () => {
  it.each<[rule: string, what: string, histories: readonly WatchHistory[]]>([
    [
      'each change begins where the last one ended',
      'by a gap',
      once([...start, changed('e.6', 'a', 'QUEUED', 'PROCESSING')]),
    ],
    [
      'each change begins where the last one ended',
      'by a gap over a reconnect',
      [history([session(start), session([changed('e.6', 'a', 'QUEUED', 'PROCESSING')], { after: 'e.4' })])],
    ],
    [
      'each change begins where the last one ended',
      'by a lost entry that another client received after the cursor',
      [
        history([session(start), session([changed('e.6', 'a', 'QUEUED', 'PROCESSING')], { after: 'e.4' })]),
        history([session([...start, changed('e.5', 'a', 'NEW', 'QUEUED')])], undefined, 'bob'),
      ],
    ],
    [
      'each change begins where the last one ended',
      'by a change of an entity that was never sent',
      once([...start, changed('e.5', 'z', 'NEW', 'QUEUED')]),
    ],
    [
      'each change begins where the last one ended',
      'by a matching entity that was not sent',
      once([changed('e.5', 'a', 'PROCESSING', 'SUCCEEDED')], byStatuses('PROCESSING')),
    ],
    [
      'cursors grow',
      'by an entry that was sent twice',
      once([...start, created('e.5', 'c', 'NEW'), removed('e.5', 'c', 'NEW')]),
    ],
    [
      'cursors grow',
      'by an entry that was sent again after a reconnect',
      [history([session([...start, created('e.5', 'c', 'NEW')]), session([event('STALE', 'e.5')], { after: 'e.5' })])],
    ],
    [
      'cursors grow',
      'by an old snapshot',
      [history([session([...start, created('e.5', 'c', 'NEW')]), session([event('RESYNC', 'e.4')], { after: 'e.5' })])],
    ],
    ['a cursor is an epoch and a number', 'by another form', once([event('STALE', 'somewhere')])],
    [
      'a cursor stands for one event',
      'by two events',
      [
        history([session([...start, created('e.5', 'c', 'NEW')])]),
        history([session([...start, created('e.5', 'c', 'QUEUED')])], undefined, 'bob'),
      ],
    ],
    [
      'an epoch changes only with a snapshot',
      'by another life in the middle',
      once([...start, created('f.5', 'c', 'NEW')]),
    ],
    ['a state that is not stale can be resumed', 'by a change', once([...start, created('e.5.partial', 'c', 'NEW')])],
    [
      'a state that is not stale can be resumed',
      'by a recovery',
      once([...start, event('STALE', 'e.5'), event('RECOVERED', 'e.6'), created('e.7.partial', 'c', 'NEW')]),
    ],
    ['cursors grow', 'by a recovery in place', once([...start, event('STALE', 'e.5'), event('RECOVERED', 'e.5')])],
    [
      'snapshots come first',
      'by a late one',
      once([...start, created('e.5', 'c', 'NEW'), snapshot('e.6', 'd', 'NEW')]),
    ],
    ['snapshots come first', 'by one after the last', once([...start, snapshot('e.4', 'd', 'NEW')])],
    [
      'snapshots come first',
      'by one in a replay',
      [history([session(start), session([snapshot('e.5', 'd', 'NEW')], { after: 'e.4' })])],
    ],
    [
      'a snapshot is sent completely',
      'by a change before that',
      once([...start.slice(0, 1), created('e.5', 'c', 'NEW')]),
    ],
    [
      'an incomplete snapshot is sent again',
      'by a replay after it',
      [history([session(start.slice(0, 1)), session([created('e.5', 'c', 'NEW')], { after: 'e.4.partial' })])],
    ],
    ['no entity is sent as new twice', 'by a second creation', once([...start, created('e.5', 'a', 'NEW')])],
    [
      'no state goes back',
      'by a change after an end',
      once([...start, changed('e.5', 'a', 'NEW', 'SUCCEEDED'), changed('e.6', 'a', 'SUCCEEDED', 'PROCESSING')]),
    ],
    [
      'no state goes back',
      'by another end',
      once([...start, changed('e.5', 'a', 'NEW', 'FAILED'), changed('e.6', 'a', 'FAILED', 'CANCELLED')]),
    ],
    [
      'no state goes back',
      'by the snapshot of a later subscription',
      [history([session([...start, changed('e.5', 'a', 'NEW', 'FAILED')]), session(start)])],
    ],
    [
      'no state goes back',
      'by a creation after a removal',
      once([...start, removed('e.5', 'b', 'PROCESSING'), created('e.6', 'b', 'NEW')]),
    ],
    [
      'no state goes back',
      'by a batch that was readable',
      once([...start, written('e.5', 'SUCCESS'), written('e.6', 'STAGING')]),
    ],
    ['no state goes back', 'by an earlier stage', once([...start, changed('e.5', 'b', 'PROCESSING', 'NEW')])],
    [
      'STALE and RECOVERED alternate',
      'by two of the same kind',
      once([...start, event('STALE', 'e.5'), event('STALE', 'e.6')]),
    ],
    [
      'STALE and RECOVERED alternate',
      'by a client that left before the event',
      [history([session(start), session([event('RECOVERED', 'e.5')], { after: 'e.4' })])],
    ],
    [
      'STALE and RECOVERED alternate',
      'by a RECOVERED whose STALE a slow client did not receive',
      [
        history([session([...start, event('RECOVERED', 'e.6')])]),
        history([session([...start, event('STALE', 'e.5'), event('RECOVERED', 'e.6')])], undefined, 'bob'),
      ],
    ],
    ['STALE and RECOVERED alternate', 'by a RECOVERED without a STALE', once([...start, event('RECOVERED', 'e.5')])],
    [
      'STALE, RECOVERED and RESYNC are about no entity',
      'by one',
      once([...start, event('STALE', 'e.5', about('a', 'NEW'))]),
    ],
    ['an event about an entity contains it', 'by a missing entity', once([...start, event('CREATED', 'e.5')])],
    [
      'only a change has a previous status',
      'by a creation',
      once([...start, { ...created('e.5', 'c', 'NEW'), previousStatus: 'NEW' }]),
    ],
    ['only requested entities are sent', 'by another id', once(start, byIds('a'))],
    ['only requested entities are sent', 'by another status', once(start, byStatuses('NEW'))],
    [
      'only requested entities are sent',
      'by another status of its id',
      once(start.slice(0, 1), { ...byIds('a'), statuses: new Set(['FAILED']) }),
    ],
    ['only a stream of ids completes', 'by completing', once(start, undefined, 'completed')],
    [
      'a stream completes when all its entities have ended',
      'by completing while a matching entity runs',
      once(start.slice(1), { ...byIds('a', 'b'), statuses: new Set(['PROCESSING']) }, 'completed'),
    ],
    [
      'a stream completes when all its entities have ended',
      'by completing earlier',
      once(start, byIds('a', 'b'), 'completed'),
    ],
    [
      'a stream completes when its batches are readable',
      'by completing at the end of the job',
      once([snapshot('e.4', 'a', 'NEW'), written('e.5', 'LOADED')], byIds('a'), 'completed'),
    ],
    ['a stream ends with a reason', 'by breaking', once(start, undefined, 'broken')],
  ])('%s: %s', (rule, _, histories) => {
    expect(rulesOf(histories)).toContain(rule);
  });
});

describe('a view', () => {
  const truthOf = (...entities: readonly [id: string, status: string, second: number][]): Truth => ({
    // Each entity ends a second after its creation.
    entities: entities.map(([id, status, second]) => ({
      ...about(id, status),
      createdAt: at(second),
      endedAt: isLastStatus(status) ? at(second + 1) : null,
    })),
    denied: new Set(['denied', 'absent']),
    absent: new Set(['absent']),
    mayEndUnknown: false,
  });
  const withUnknownEnds = (truth: Truth): Truth => ({ ...truth, mayEndUnknown: true });
  const longAgo = -1_000;
  const received = [...start, changed('e.5', 'a', 'NEW', 'FAILED')];

  it.each<[what: string, histories: readonly WatchHistory[], truth: Truth]>([
    ['of everything', once(received), truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9])],
    [
      'that began long after an end',
      once(received),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['old', 'FAILED', longAgo]),
    ],
    ['of ids', once(received, byIds('a', 'b')), truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['c', 'NEW', 9])],
    [
      'of ids that have all ended',
      once([changed('e.5', 'a', 'NEW', 'FAILED')], byIds('a'), 'completed'),
      truthOf(['a', 'FAILED', 9]),
    ],
    [
      'of ids within a filter that selects none of them',
      once([], { ...byIds('a'), statuses: new Set(['SUCCEEDED']) }, 'completed'),
      truthOf(['a', 'FAILED', 9]),
    ],
    [
      'of an id whose end had an unknown status, which its filter concealed',
      once([], { ...byIds('a'), statuses: new Set(['SUCCEEDED']) }, 'completed'),
      withUnknownEnds(truthOf(['a', 'SUCCEEDED', -9])),
    ],
    ['of an id that was absent for a while', once([], byIds('absent'), 'completed'), truthOf(['absent', 'NEW', -9])],
    [
      'of an id that was absent for a while, and has returned',
      once([snapshot('e.4', 'absent', 'NEW'), removed('e.5', 'absent', 'NEW'), created('e.6', 'absent', 'FAILED')]),
      truthOf(['absent', 'FAILED', -9]),
    ],
    ['of a deleted job', once([...received, removed('e.6', 'b', 'PROCESSING')]), truthOf(['a', 'FAILED', -9])],
    [
      'that was rejected, because one reading did not find its id',
      once([], byIds('denied'), 'refused'),
      truthOf(['denied', 'NEW', -9]),
    ],
    [
      'that was rejected, because an id does not exist',
      once(received, byIds('a', 'nothing'), 'refused'),
      truthOf(['a', 'NEW', -9]),
    ],
    [
      'of statuses',
      once(received, byStatuses('NEW', 'PROCESSING')),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9]),
    ],
  ])('%s equals the final state', (_, histories, truth) => {
    expect(checkViews(histories, truth)).toEqual([]);
  });

  it.each<[rule: string, what: string, histories: readonly WatchHistory[], truth: Truth]>([
    [
      'the view ends in the truth',
      'contains an old state',
      once(received),
      truthOf(['a', 'FAILED', -9], ['b', 'SUCCEEDED', -9]),
    ],
    [
      'the view ends in the truth',
      'contains an old state of a batch',
      once([snapshot('e.4', 'a', 'NEW'), written('e.5', 'LOADED')]),
      truthOf(['a', 'SUCCEEDED', -9]),
    ],
    ['the view ends in the truth', 'contains a missing job', once(received), truthOf(['a', 'FAILED', -9])],
    [
      'the view ends in the truth',
      'lacks a running job',
      once(received),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['c', 'NEW', -9]),
    ],
    [
      'the view ends in the truth',
      'lacks a job that was created and ended',
      once(received),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['c', 'FAILED', 9]),
    ],
    [
      'the view ends in the truth',
      'lacks a job that had ended shortly before its beginning',
      once(received),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['c', 'FAILED', -600]),
    ],
    [
      'the view ends in the truth',
      'lacks, after a restart without a cursor, a job that ended in the meantime',
      [history([session(start), session([snapshot('e.6', 'b', 'PROCESSING')], { openedAt: at(9) })])],
      truthOf(['a', 'FAILED', 5], ['b', 'PROCESSING', -9]),
    ],
    [
      'the view ends in the truth',
      'lacks one of its ids',
      once(received, byIds('a', 'b', 'c')),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['c', 'NEW', 9]),
    ],
    [
      'the view ends in the truth',
      'lacks one of its ids that one reading did not find',
      once(received, byIds('a', 'b', 'denied')),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['denied', 'NEW', 9]),
    ],
    [
      'the view ends in the truth',
      'lacks a job that entered its filter',
      once(received, byStatuses('PROCESSING')),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9], ['c', 'PROCESSING', 9]),
    ],
    [
      'the view ends in the truth',
      'lacks a matching job that ended',
      once([], byStatuses('FAILED')),
      truthOf(['a', 'FAILED', -9]),
    ],
    [
      'the view ends in the truth',
      'lacks one of its ids that matches the filter',
      once([], { ...byIds('a', 'b'), statuses: new Set(['NEW']) }),
      truthOf(['a', 'FAILED', -9], ['b', 'NEW', -9]),
    ],
    [
      'the view ends in the truth',
      'lacks the end of a completed stream that matches the filter',
      once([], { ...byIds('a'), statuses: new Set(['SUCCEEDED']) }, 'completed'),
      truthOf(['a', 'SUCCEEDED', -9]),
    ],
    [
      'the view ends in the truth',
      'lacks an end with an unknown status that matches the filter',
      once([], { ...byIds('a'), statuses: new Set(['SUCCEEDED', 'UNKNOWN']) }, 'completed'),
      withUnknownEnds(truthOf(['a', 'SUCCEEDED', -9])),
    ],
    [
      'the view ends in the truth',
      'lacks an end, although its stream continues',
      once([], { ...byIds('a'), statuses: new Set(['SUCCEEDED']) }),
      withUnknownEnds(truthOf(['a', 'SUCCEEDED', -9])),
    ],
    [
      'no existing entity is removed',
      'lost a job that one reading did not find',
      once([snapshot('e.4', 'denied', 'NEW'), removed('e.5', 'denied', 'NEW'), created('e.6', 'denied', 'FAILED')]),
      truthOf(['denied', 'FAILED', -9]),
    ],
    [
      'a stream completes when all its entities have ended',
      'completed before the end',
      once([snapshot('e.4', 'a', 'NEW')], byIds('a'), 'completed'),
      truthOf(['a', 'NEW', -9]),
    ],
    [
      'a stream completes when all its entities have ended',
      'completed before the end, which its filter excluded',
      once([], { ...byIds('a'), statuses: new Set(['SUCCEEDED']) }, 'completed'),
      truthOf(['a', 'FAILED', 20]),
    ],
    [
      'a stream completes when all its entities have ended',
      'did not complete',
      once([changed('e.5', 'a', 'NEW', 'FAILED')], byIds('a'), 'open'),
      truthOf(['a', 'FAILED', 9]),
    ],
    [
      'no valid subscription is rejected in the end',
      'was rejected without a reason',
      once(received, undefined, 'refused'),
      truthOf(['a', 'FAILED', -9], ['b', 'PROCESSING', -9]),
    ],
  ])('breaks the rule %s: it %s', (rule, _, histories, truth) => {
    expect(checkViews(histories, truth).map((violation) => violation.rule)).toContain(rule);
  });
});
