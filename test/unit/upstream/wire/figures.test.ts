import { describe, expect, it } from 'vitest';
import { figuresOf } from '../../../../src/upstream/wire/figures.ts';
import { decodeJobErrors } from '../../../../src/upstream/wire/job-errors.ts';
import { readCount } from '../../../../src/upstream/wire/readers.ts';

describe('a number of records or bytes', () => {
  const recordCount = (object: unknown) => figuresOf(object)(readCount, 'recordCount', 'outputRecordCount', 'written');

  it.each([
    { why: 'the metrics have it under its documented name', object: { metrics: { recordCount: 5 } } },
    { why: 'the metrics have it under another name', object: { metrics: { written: '5' } } },
    { why: 'the object has it itself', object: { recordCount: 5 } },
    { why: 'the metrics are empty', object: { metrics: {}, recordCount: 5 } },
    { why: 'the metrics are no object', object: { metrics: 7, recordCount: 5 } },
    { why: 'the metrics do not know it', object: { metrics: { outputRecordCount: -1 }, recordCount: 5 } },
    { why: 'the first name is unknown', object: { metrics: { outputRecordCount: -1, written: 5 } } },
    { why: 'metrics have precedence', object: { metrics: { written: 5 }, recordCount: 0 } },
  ])('is decoded when $why', ({ object }) => {
    expect(recordCount(object)).toBe(5);
  });

  it.each([
    null,
    'text',
    [],
    {},
    { recordCount: {} },
    { recordCount: -1, metrics: { written: '-1' } },
    { outputRecordCount: 5 },
  ])('is unknown in %j', (object) => {
    expect(recordCount(object)).toBeNull();
  });

  it('of zero is known', () => {
    expect(recordCount({ metrics: { outputRecordCount: 0 }, recordCount: 5 })).toBe(0);
  });
});

describe('the errors of a job or batch', () => {
  const plain = (message: string) => ({ code: '', message, callStack: null, recordCount: null });

  it.each([
    { object: { errors: ['No space left', ' '] }, errors: [plain('No space left')] },
    { object: { errors: 'No space left' }, errors: [plain('No space left')] },
    { object: { metrics: { failureReason: 'Stage 3 failed' } }, errors: [plain('Stage 3 failed')] },
    { object: { errors: { '500': [{ message: 'Lost' }], '404': ['Gone'] } }, errors: [plain('Gone'), plain('Lost')] },
    {
      object: { errors: ['Stage 3 failed'], metrics: { failureReason: 'Stage 3 failed' } },
      errors: [plain('Stage 3 failed')],
    },
    {
      object: { errors: [{ code: 7, recordCount: '12' }], metrics: { failureReason: 'Stage 3 failed' } },
      errors: [{ code: '7', message: '', callStack: null, recordCount: 12 }, plain('Stage 3 failed')],
    },
    {
      object: { errors: [{ errorCode: 'E-1', errorDescription: 'Late', recordCount: -1 }] },
      errors: [{ code: 'E-1', message: 'Late', callStack: null, recordCount: null }],
    },
    {
      object: { errors: [{ code: 'E-2', msg: '', message: {}, description: 'Early' }] },
      errors: [{ code: 'E-2', message: 'Early', callStack: null, recordCount: null }],
    },
    { object: { metrics: { failureReason: ['Full', { message: 'Lost' }] } }, errors: [plain('Full'), plain('Lost')] },
    { object: { errors: ['Lost'], metrics: { failureReason: { message: 'Lost' } } }, errors: [plain('Lost')] },
    { object: { errors: {}, metrics: { failureReason: {} } }, errors: [] },
    { object: { errors: {} }, errors: [] },
    { object: { errors: [{}, null, 7] }, errors: [] },
    { object: {}, errors: [] },
    { object: null, errors: [] },
  ])('of $object are $errors', ({ object, errors }) => {
    expect(decodeJobErrors(object)).toEqual(errors);
  });
});
