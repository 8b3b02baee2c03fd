import { describe, expect, it } from 'vitest';
import { type ChangeAttempt, checkChanges } from '../../support/history/check-changes.ts';
import { type CreateAttempt, checkCreates, type MadeEntity } from '../../support/history/check-creates.ts';
import { checkErrors, type SeenError } from '../../support/history/check-errors.ts';

const created = (id: string, key: string | null = null, replayed = false): CreateAttempt => ({
  mark: 'm',
  key,
  outcome: { kind: 'created', id, replayed },
});
const unknown = (key: string | null = null): CreateAttempt => ({ mark: 'm', key, outcome: { kind: 'unknown' } });
const refused = (key: string | null = null): CreateAttempt => ({
  mark: 'm',
  key,
  outcome: { kind: 'refused', code: 'RATE_LIMITED' },
});
const made = (...ids: string[]): readonly MadeEntity[] => ids.map((id) => ({ id, mark: 'm' }));

describe('creates', () => {
  it.each<[what: string, attempts: readonly CreateAttempt[], made: readonly MadeEntity[]]>([
    ['one entity for one request', [created('1')], made('1')],
    ['two entities for two requests', [created('1'), created('2')], made('1', '2')],
    ['an unknown outcome of an executed create', [unknown(), created('1')], made('1', '2')],
    ['an unknown outcome of a create that was not executed', [unknown(), created('1')], made('1')],
    ['a rejection', [refused()], made()],
    ['a repeated key', [created('1', 'k'), created('1', 'k', true), refused('k')], made('1')],
    ['a key whose first attempt was rejected', [refused('k'), created('1', 'k')], made('1')],
    ['a key without a response', [unknown('k'), unknown('k')], made('1')],
  ])('are accounted for: %s', (_, attempts, found) => {
    expect(checkCreates('jobs', attempts, found)).toEqual([]);
  });

  it.each<[rule: string, attempts: readonly CreateAttempt[], made: readonly MadeEntity[]]>([
    ['a confirmed create exists', [created('1')], made()],
    ['two requests do not share a result', [created('1'), created('1')], made('1')],
    ['a create happens once, or its outcome is unknown', [created('1')], made('1', '2')],
    ['a create happens once, or its outcome is unknown', [refused()], made('1')],
    ['a create happens once, or its outcome is unknown', [unknown()], made('1', '2')],
    ['a create happens once, or its outcome is unknown', [unknown('k'), unknown('k')], made('1', '2')],
    ['a create happens once, or its outcome is unknown', [unknown('k'), created('1', 'k')], made('1', '2')],
    ['an idempotency key has one result', [created('1', 'k'), created('2', 'k', true)], made('1', '2')],
    ['an idempotency key creates once', [created('1', 'k'), created('1', 'k')], made('1')],
    ['every entity was requested', [], made('1')],
  ])('break the rule: %s', (rule, attempts, found) => {
    expect(checkCreates('jobs', attempts, found).map((violation) => violation.rule)).toContain(rule);
  });
});

describe('changes', () => {
  const attempt = (state: string | null, done: boolean): ChangeAttempt => ({ id: 's', state, done });

  it.each<[what: string, attempts: readonly ChangeAttempt[], truth: string | null]>([
    ['the last successful one', [attempt('on', true), attempt('off', true)], 'off'],
    ['one without a response that was executed', [attempt('on', true), attempt('off', false)], 'off'],
    ['one without a response that was not executed', [attempt('on', true), attempt('off', false)], 'on'],
    ['a deletion', [attempt('on', true), attempt(null, true)], null],
    ['none with a known outcome', [attempt('off', false)], 'on'],
  ])('determine the final state: %s', (_, attempts, truth) => {
    expect(checkChanges(attempts, new Map(truth === null ? [] : [['s', truth]]))).toEqual([]);
  });

  it.each<[what: string, attempts: readonly ChangeAttempt[], truth: string | null]>([
    ['one was lost', [attempt('on', true), attempt('off', true)], 'on'],
    ['one was executed twice', [attempt('off', false), attempt('on', true)], 'off'],
    ['the entity is missing', [attempt('on', true)], null],
    ['the entity was not deleted', [attempt('on', true), attempt(null, true)], 'on'],
  ])('do not determine the final state if %s', (_, attempts, truth) => {
    expect(checkChanges(attempts, new Map(truth === null ? [] : [['s', truth]]))).toHaveLength(1);
  });
});

describe('errors', () => {
  const typed: SeenError = { where: 'ann', code: 'RATE_LIMITED', retryable: true, message: 'Wait.', from: 'graphql' };

  it('are typed', () => {
    const inUnion: SeenError = { ...typed, code: 'NOT_FOUND', retryable: undefined, from: 'union' };
    expect(checkErrors([typed, inUnion])).toEqual([]);
  });

  it.each<[what: string, error: SeenError]>([
    ['it is masked', { ...typed, code: 'INTERNAL_SERVER_ERROR', retryable: false }],
    ['it has no code', { ...typed, code: undefined }],
    ['its code is a name of every object', { ...typed, code: 'toString' }],
    ['it does not state whether it is retryable', { ...typed, retryable: undefined }],
    ['its message is empty', { ...typed, message: ' ' }],
  ])('are not typed when %s', (_, error) => {
    expect(checkErrors([error])).toHaveLength(1);
  });
});
