import { describe, expect, it } from 'vitest';
import type { FeedChange } from '../../../../src/events/log.ts';
import {
  decodeHead,
  encodeEntity,
  encodeNote,
  encodeWrite,
  isLater,
  LogCodec,
  type LoggedWrite,
  splitMessage,
  UndecodableError,
} from '../../../../src/events/redis/codec.ts';

interface Job {
  readonly id: string;
  readonly at: Date;
}

const newCodec = () => new LogCodec<Job>(({ id }) => id);
const job: Job = { id: 'a', at: new Date(5) };
const observedAt = new Date(1_000);
const head = 'epoch.7-2.identity';

/** Returns the error with which decoding fails. */
const failureOf = (decode: () => unknown): unknown => {
  try {
    return decode();
  } catch (error) {
    return error;
  }
};
const recordOf = (write: unknown) =>
  newCodec().record({ head, after: 'before', data: encodeWrite(write as LoggedWrite<Job>) });

describe('the name of a record', () => {
  it('contains its position and its identity', () => {
    expect(decodeHead(head)).toEqual({ text: head, epoch: 'epoch', sequence: 7, count: 2, identity: 'identity' });
    expect(decodeHead('-_a1.123456789012345-0.Ab-_1234')).toMatchObject({ epoch: '-_a1', sequence: 123456789012345 });
  });

  it.each([
    '',
    'epoch',
    '.7-2.identity',
    'epo ch.7-2.identity',
    ' epoch.7-2.identity',
    'epoch.7-2.identity ',
    'epoch.-2.identity',
    'epoch.7-.identity',
    'epoch.7.identity',
    'epoch.x-2.identity',
    'epoch.7-x.identity',
    'epoch.7-2.short',
    'epoch.7-2.identity9',
    'epoch.7-2.ident!ty',
    'epoch.1234567890123456-2.identity',
    'epoch.7-1234567890123456.identity',
  ])('cannot be "%s"', (text) => {
    expect(failureOf(() => decodeHead(text))).toEqual(
      new UndecodableError('The name of a record in the event log cannot be decoded.'),
    );
  });

  it('determines which of two records is later', () => {
    const later = (one: string, other: string) =>
      isLater(decodeHead(`epoch.${one}.identity`), decodeHead(`epoch.${other}.identity`));
    expect([later('8-0', '7-2'), later('7-2', '8-0')]).toEqual([true, false]);
    expect([later('7-3', '7-2'), later('7-2', '7-3'), later('7-2', '7-2')]).toEqual([true, false, false]);
    expect(later('6-9', '7-2')).toBe(false);
  });
});

describe('a message on the channel', () => {
  it('has the name of its record, the name of the previous one, and data, which may have several lines', () => {
    expect(splitMessage('head\nafter\nda\nta\n')).toEqual({ head: 'head', after: 'after', data: 'da\nta\n' });
    expect(splitMessage('head\n\n')).toEqual({ head: 'head', after: '', data: '' });
  });

  it('has no parts if it has another form', () => {
    expect(splitMessage('head')).toEqual({ head: 'head', after: '', data: '' });
    expect(splitMessage('')).toEqual({ head: '', after: '', data: '' });
  });
});

describe('a record', () => {
  const changes: readonly FeedChange<Job>[] = [
    { kind: 'CREATED', entity: job },
    { kind: 'CHANGED', entity: job, previous: { id: 'a', at: new Date(4) } },
    { kind: 'REMOVED', entity: job },
    { kind: 'STALE', subject: 'feed' },
    { kind: 'RECOVERED', subject: 'list' },
    { kind: 'STALE', subject: 'entity:a' },
  ];

  it('is decoded as it was written', () => {
    const write = { observedAt, adopted: [job], changes, evicted: ['b'], note: { round: 1, ids: new Set(['a']) } };
    const record = recordOf(write);
    expect(record).toEqual({ head: decodeHead(head), after: 'before', write, bytes: encodeWrite(write).length });
  });

  it('may consist of only its time, and has no data if it begins an epoch', () => {
    expect(recordOf({ observedAt }).write).toEqual({ observedAt });
    expect(newCodec().record({ head, after: '', data: '' })).toMatchObject({
      write: { observedAt: new Date(0) },
      bytes: 0,
    });
  });

  it.each([
    ['no time', {}],
    ['an invalid time', { observedAt: '1970' }],
    ['a change of another kind', { observedAt, changes: [{ kind: 'SNAPSHOT', entity: job }] }],
    ['a change of nothing', { observedAt, changes: [{ kind: 'CREATED' }] }],
    ['a change without the state before', { observedAt, changes: [{ kind: 'CHANGED', entity: job }] }],
    ['an unknown part', { observedAt, changes: [{ kind: 'STALE', subject: 'entity' }] }],
    ['an entity without a key', { observedAt, adopted: [{ at: new Date(5) }] }],
    ['an entity that is null', { observedAt, adopted: [null] }],
    ['an entity that is a text', { observedAt, adopted: ['a'] }],
    ['a evicted number', { observedAt, evicted: [1] }],
    ['a list in its place', []],
  ])('is lost data if it has %s', (_, write) => {
    const failure = failureOf(() => recordOf(write));
    expect(failure).toBeInstanceOf(UndecodableError);
    expect(failure).toMatchObject({ message: 'A value of the event log cannot be decoded.' });
    expect((failure as Error).cause).toBeInstanceOf(Error);
  });

  it('is lost data if its data has another format, which the error does not quote', () => {
    const failure = failureOf(() => newCodec().record({ head, after: '', data: '{"secret' }));
    expect(failure).toEqual(new UndecodableError('A value of the event log is not in its format.'));
    expect(failure).toMatchObject({ name: 'UndecodableError' });
    expect((failure as Error).cause).toBe(undefined);
  });
});

describe('a part of a snapshot', () => {
  it('may be an entity with a key', () => {
    expect(newCodec().entity(encodeEntity(job))).toEqual(job);
    expect(() => newCodec().entity(encodeEntity({ at: new Date(5) }))).toThrow(UndecodableError);
    const throwing = new LogCodec<Job>(({ at }) => at.toISOString());
    expect(() => throwing.entity(encodeEntity({ id: 'a' }))).toThrow(UndecodableError);
  });

  it('may be a note of any form', () => {
    for (const note of [null, 'text', { map: new Map([['a', 1]]) }])
      expect(newCodec().note(encodeNote(note))).toEqual(note);
    expect(() => newCodec().note('{')).toThrow(UndecodableError);
  });

  it('may be the set of stale subjects', () => {
    expect(newCodec().stale('["feed","list","entity:a"]')).toEqual(new Set(['feed', 'list', 'entity:a']));
    expect(newCodec().stale('[]')).toEqual(new Set());
    for (const text of ['', '{}', '["other"]', '[1]', '["entity"]']) {
      expect(() => newCodec().stale(text)).toThrow(UndecodableError);
    }
  });

  it('may be a date', () => {
    expect(newCodec().moment('2030-01-01T00:00:00.000Z')).toEqual(new Date('2030-01-01T00:00:00.000Z'));
    expect(failureOf(() => newCodec().moment('yesterday'))).toEqual(
      new UndecodableError('A date in the event log cannot be decoded.'),
    );
  });
});
