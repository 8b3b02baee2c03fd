import { describe, expect, it } from 'vitest';
import type { RecordedRequest } from '../../../src/emulator/emulator.ts';
import type { AuditLine } from '../../support/audit-line.ts';
import { type AuditTruth, checkAudit } from '../../support/history/check-audit.ts';

const base = {
  level: 'info',
  time: '2026-03-02T10:15:04.212Z',
  type: 'audit',
  principal: 'embedded',
  org: '0123456789ABCDEF01234567@AdobeOrg',
  sandbox: 'prod',
  code: null,
  idempotencyKey: null,
  status: 200,
  evidence: null,
} as const;
const unsent = { status: null, platformRequestId: null } as const;

/** The line of a create that is done. */
const created: AuditLine = {
  ...base,
  operation: 'createExportJob',
  action: 'create',
  entity: 'ExportJob',
  id: '7',
  outcome: 'done',
  evidence: 'response',
  requestId: 'a',
  platformRequestId: 'a.0123abcd',
};
/** The line of a delete that is done. */
const deleted: AuditLine = {
  ...base,
  operation: 'deleteSchedule',
  action: 'delete',
  entity: 'Schedule',
  id: 's1',
  outcome: 'done',
  evidence: 'response',
  requestId: 'b',
  platformRequestId: 'b',
};
/** The line of a cancel whose job had ended, as its state shows. */
const cancelled: AuditLine = {
  ...deleted,
  operation: 'cancelExportJob',
  action: 'cancel',
  entity: 'ExportJob',
  id: '7',
  outcome: 'rejected',
  code: 'CONFLICT',
  evidence: null,
  status: null,
};
const replayed: AuditLine = { ...created, ...unsent, requestId: 'c', outcome: 'replayed', evidence: null };
const unknown: AuditLine = { ...created, status: null, id: null, outcome: 'unknown', evidence: null };

const sent = (change: Pick<RecordedRequest, 'method' | 'path' | 'requestId'> & Partial<RecordedRequest>) =>
  ({ number: 2, time: new Date(0), status: 200, sandbox: 'prod', ...change }) satisfies RecordedRequest;
const reading = sent({ number: 1, method: 'GET', path: '/data/core/ups/export/jobs?limit=1', requestId: 'r' });
const creating = sent({ method: 'POST', path: '/data/core/ups/export/jobs', requestId: 'a.0123abcd' });
const deleting = sent({ method: 'DELETE', path: '/data/core/ups/config/schedules/s1', requestId: 'b' });
const cancelling = sent({ method: 'DELETE', path: '/data/core/ups/export/jobs/7', requestId: 'b' });

/** @param mutations by default, those of the lines */
const check = (
  lines: readonly AuditLine[],
  requests: readonly RecordedRequest[],
  jobs: readonly string[] = [],
  { mutations = lines.map(({ requestId }) => requestId), schedules = [] as readonly string[] } = {},
) => {
  const made: AuditTruth['made'] = { ExportJob: jobs, SegmentJob: [], Schedule: schedules, Dataset: [] };
  return checkAudit(lines, { mutations, requests: [reading, ...requests], made }).map(({ rule }) => rule);
};

describe('the audit log and the record of the platform', () => {
  it.each<[what: string, lines: readonly AuditLine[], requests: readonly RecordedRequest[], jobs: readonly string[]]>([
    ['a create, its replay and a delete', [created, replayed, deleted], [creating, deleting], ['7']],
    ['a request that was repeated with a new token', [created], [{ ...creating, status: 401 }, creating], ['7']],
    ['an unknown outcome of an executed create', [unknown], [{ ...creating, status: 0 }], ['7']],
    ['an unknown outcome of a create that was not executed', [unknown], [{ ...creating, status: 0 }], []],
    [
      'a create that was found after a lost response',
      [{ ...created, status: null, evidence: 'state' }],
      [creating],
      ['7'],
    ],
    [
      'a rejected create, with an id of the body',
      [{ ...unknown, outcome: 'rejected', status: 403, platformRequestId: 'other' }],
      [{ ...creating, status: 403 }],
      [],
    ],
    ['a cancel without a response whose job had ended', [cancelled], [{ ...cancelling, status: 204 }], []],
    ['a change that was not sent', [{ ...unknown, ...unsent, outcome: 'failed' }], [], []],
  ])('agree about %s', (_, lines, requests, jobs) => {
    expect(check(lines, requests, jobs)).toEqual([]);
  });

  it.each<[rule: string, lines: readonly AuditLine[], requests: readonly RecordedRequest[], jobs: readonly string[]]>([
    ['a write has a line', [deleted], [creating, deleting], ['7']],
    ['a write has one line', [deleted, deleted], [deleting], []],
    ['a write is sent once', [created], [creating, creating], ['7']],
    ['a line that states a write has its request', [created], [], ['7']],
    ['a line that states a write has its request', [deleted], [{ ...deleting, path: `${deleting.path}2` }], []],
    ['a line without a write has no request', [{ ...replayed, requestId: 'a' }], [creating], ['7']],
    ['a line has the status of the platform', [{ ...created, status: 201 }], [creating], ['7']],
    ['a line has the request id of the platform', [created], [{ ...creating, requestId: 'a.0123abce' }], ['7']],
    ['a change that is done by a response has one', [created], [{ ...creating, status: 503 }], ['7']],
    ['a change that failed changed nothing', [{ ...created, outcome: 'failed' }], [creating], ['7']],
    ['a change that failed changed nothing', [{ ...unknown, outcome: 'failed' }], [{ ...creating, status: 0 }], []],
    ['a change that failed changed nothing', [{ ...cancelled, code: 'FORBIDDEN' }], [cancelling], []],
    [
      'two lines do not state the same create',
      [created, { ...created, requestId: 'd', platformRequestId: 'd.0123abcd' }],
      [creating, { ...creating, requestId: 'd.0123abcd' }],
      ['7'],
    ],
    ['an entity of a create that is done exists', [created], [creating], []],
    ['an entity has the line of its create', [created], [creating], ['7', '8']],
  ])('break the rule: %s', (rule, lines, requests, jobs) => {
    expect(check(lines, requests, jobs)).toContain(rule);
  });

  it('are compared with the mutations of the clients, and with the entities that were removed', () => {
    const rule = 'a mutation has one line for its own change';
    expect(check([created], [creating], ['7'], { mutations: ['a', 'e'] })).toEqual([rule]);
    expect(check([created], [creating], ['7'], { mutations: [] })).toEqual(['a line has its mutation']);
    expect(check([deleted], [deleting], [], { schedules: ['s1'] })).toEqual([
      'an entity of a delete that is done is gone',
      'an entity has the line of its create',
    ]);
  });

  it('are not compared if the record lacks its first requests', () => {
    const made: AuditTruth['made'] = { ExportJob: [], SegmentJob: [], Schedule: [], Dataset: [] };
    const found = checkAudit([deleted], { mutations: ['b'], requests: [deleting], made });
    expect(found.map(({ rule }) => rule)).toEqual(["the platform's record is complete"]);
  });
});
