import { describe, expect, it } from 'vitest';
import type { PollMessage } from '../../../../src/polling/leader/election.ts';
import {
  decodeEnvelope,
  decodeScopes,
  encodeMessage,
  publishedIds,
  type ScopeChange,
  scopeOf,
} from '../../../../src/polling/leader/redis-messages.ts';
import type { WatchScope } from '../../../../src/polling/scope.ts';

const upstream = { service: 'segmentation', status: 503, requestId: 'r', code: 'c', title: 't' };
const failure = { code: 'PLATFORM_ERROR', message: 'm', retryable: true, retryAfterMs: 5, upstream } as const;

describe('a message between replicas', () => {
  it.each<PollMessage | ScopeChange>([
    { kind: 'nudge' },
    { kind: 'joined' },
    { kind: 'awaited' },
    { kind: 'failed', failure, id: 'a' },
    { kind: 'failed', failure: { ...failure, retryAfterMs: null, upstream: null }, id: null },
    {
      kind: 'failed',
      failure: { ...failure, upstream: { service: 's', status: null, requestId: null, code: null, title: null } },
      id: null,
    },
    { kind: 'failed', failure: null, id: null },
    { kind: 'scope', everything: true, added: ['a'], removed: ['b'] },
    { kind: 'scope', everything: null, added: [], removed: [] },
  ])('is received as it was sent: $kind', (message) => {
    expect(decodeEnvelope(encodeMessage('replica-1/2', message))).toEqual({ from: 'replica-1/2', message });
    expect(decodeEnvelope(encodeMessage(null, message))).toEqual({ from: null, message });
  });

  it.each(['held', 'released'])('may be sent by a script: %s', (kind) => {
    expect(decodeEnvelope(`{"from":"replica/1","message":{"kind":"${kind}","term":7}}`)).toEqual({
      from: 'replica/1',
      message: { kind, term: 7 },
    });
  });

  it.each([
    '',
    'text',
    'null',
    '{}',
    '{"from":null}',
    '{"from":"replica","message":{"kind":"nudge"}}',
    '{"from":"replica/","message":{"kind":"nudge"}}',
    '{"from":"replica/x","message":{"kind":"nudge"}}',
    '{"from":"rep lica/1","message":{"kind":"nudge"}}',
    '{"from":"replica/1 ","message":{"kind":"nudge"}}',
    '{"from":" replica/1","message":{"kind":"nudge"}}',
    '{"from":null,"message":{"kind":"other"}}',
    '{"from":null,"message":{"kind":"held"}}',
    '{"from":null,"message":{"kind":"failed","id":null}}',
    '{"from":null,"message":{"kind":"failed","failure":{"code":"OTHER"},"id":null}}',
    `{"from":null,"message":{"kind":"failed","failure":${JSON.stringify({ ...failure, code: 'OTHER' })},"id":null}}`,
    '{"from":null,"message":{"kind":"scope","everything":true}}',
    '{"from":null,"message":{"kind":"scope","everything":true,"added":[1],"removed":[]}}',
  ])('is rejected in another form: %s', (text) => {
    expect(decodeEnvelope(text)).toBe(null);
  });
});

describe('the scopes of the candidates', () => {
  it('are decoded from pairs of fields and values', () => {
    expect(decodeScopes(['one/1', '1', 'one/1 a', '', 'one/1 b c', '', 'two/2', '0', 'two/2 line\nline', ''])).toEqual({
      scopes: new Map([
        ['one/1', { everything: true, ids: new Set(['a', 'b c']) }],
        ['two/2', { everything: false, ids: new Set(['line\nline']) }],
      ]),
      undecodable: 0,
    });
    expect(decodeScopes([])).toEqual({ scopes: new Map(), undecodable: 0 });
  });

  it('are the same in any order, even if the field of the candidate comes last', () => {
    expect(decodeScopes(['one/1 a', '', 'one/1', '1']).scopes.get('one/1')).toEqual({
      everything: true,
      ids: new Set(['a']),
    });
    expect(decodeScopes(['one/1 a', '1']).scopes.get('one/1')).toEqual({ everything: false, ids: new Set(['a']) });
  });

  it('omit and count fields of another form', () => {
    expect(decodeScopes(['one', '1', 'one/x', '1', ' one/1', '1', 'two/12', '1', 'one/1x', '1'])).toEqual({
      scopes: new Map([['two/12', { everything: true, ids: new Set() }]]),
      undecodable: 4,
    });
  });
});

describe('the scope of a candidate', () => {
  const none = { everything: false, ids: new Set<string>() };

  it.each<[what: string, scope: WatchScope, published: readonly string[]]>([
    ['ids', { everything: false, ids: new Set(['a', '+b']) }, ['=a', '=+b']],
    ['all results', { everything: true, ids: new Set(), results: { everything: true, ids: new Set() } }, ['+']],
    [
      'results of ids',
      { ...none, ids: new Set(['a']), results: { ...none, ids: new Set(['a', 'b']) } },
      ['=a', '+a', '+b'],
    ],
    ['all results and those of ids', { ...none, results: { everything: true, ids: new Set(['a']) } }, ['+a', '+']],
    ['nothing by name', { everything: true, ids: new Set() }, []],
  ])('is decoded as it was published: %s', (_, scope, published) => {
    const ids = publishedIds(scope);
    expect([...ids]).toEqual(published);
    expect(scopeOf({ everything: scope.everything, ids })).toEqual(scope);
  });

  it('has no ids if nothing is watched', () => {
    expect(publishedIds(null)).toEqual(new Set());
  });

  it('omits ids without a mark, and marks without an id', () => {
    expect(scopeOf({ everything: false, ids: new Set(['a', '=', '=b', '']) })).toEqual({
      ...none,
      ids: new Set(['b']),
    });
  });
});
