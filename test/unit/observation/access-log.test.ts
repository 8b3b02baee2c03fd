import { expect, it } from 'vitest';
import type { OperationOutcome } from '../../../src/metrics/operations.ts';
import { createAccessLog } from '../../../src/observation/access-log.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { testLog, testRecords } from '../../support/records.ts';

/** Outcomes of the lines after one operation with each outcome. */
function loggedAt(rate: number, drawn: number): readonly OperationOutcome[] {
  const lines: { readonly outcome: OperationOutcome }[] = [];
  const logger = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const observe = createAccessLog({ logger, rate, random: () => drawn });
  const records = testRecords((record, end) => observe?.(record, end));
  for (const outcome of ['ok', 'partial', 'failed', 'rejected', 'left'] as const) {
    records.begin(testLog(), 'http').end(outcome);
  }
  return lines.map(({ outcome }) => outcome);
}

it('every operation is logged at the share 1', () => {
  expect(loggedAt(1, 0.999)).toEqual(['ok', 'partial', 'failed', 'rejected', 'left']);
});

it('a share of the operations is logged, and every failure', () => {
  expect(loggedAt(0.1, 0.09)).toEqual(['ok', 'partial', 'failed', 'rejected', 'left']);
  expect(loggedAt(0.1, 0.1)).toEqual(['partial', 'failed']);
});

it('nothing is logged at the share 0', () => {
  expect(loggedAt(0, 0)).toEqual([]);
});

it('nothing is prepared for a level of the log without these lines', () => {
  expect(createAccessLog({ logger: createLogger({ level: 'warn' }), rate: 1 })).toBeNull();
  expect(createAccessLog({ logger: createLogger({ level: 'info' }), rate: 1 })).not.toBeNull();
});

it('an operation ends once', () => {
  const ends: OperationOutcome[] = [];
  const record = testRecords((_, { outcome }) => void ends.push(outcome)).begin(testLog(), 'http');
  record.end('left');
  record.end('ok');
  const other = testRecords((_, { outcome }) => void ends.push(outcome)).begin(testLog(), 'http');
  other.discard();
  other.end('ok');
  expect(ends).toEqual(['left']);
});
