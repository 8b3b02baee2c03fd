import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../../src/audit/line.ts';
import { type AuditedMutation, MutationAudit } from '../../../src/audit/mutation-audit.ts';
import {
  ConflictError,
  ForbiddenError,
  GatewayCredentialError,
  InvalidInputError,
  NotFoundError,
  OutcomeUnknownError,
  PlatformError,
  RateLimitedError,
  ShuttingDownError,
  UpstreamTimeoutError,
  UpstreamUnreachableError,
} from '../../../src/errors.ts';
import type { PlatformWrite } from '../../../src/upstream/types.ts';
import { tenantOf } from '../../support/tenants.ts';

const message = 'for a test';
const cancel: AuditedMutation = { operation: 'cancelExportJob', entity: 'ExportJob', action: 'cancel', id: '7' };
const create: AuditedMutation = { operation: 'createExportJob', entity: 'ExportJob', action: 'create', id: null };

function begin(mutation: AuditedMutation) {
  const entries: AuditEntry[] = [];
  const caller = { principal: 'someone', platformUser: null, tenant: tenantOf('prod'), requestId: 'client-1' };
  const audit = new MutationAudit({ write: (entry) => void entries.push(entry) }, mutation, () => caller);
  return { audit, entries };
}

const write = (more: Partial<PlatformWrite>): PlatformWrite => ({
  entity: 'ExportJob',
  action: 'cancel',
  id: '7',
  end: { kind: 'done', evidence: 'response' },
  status: 204,
  requestId: 'platform-1',
  ...more,
});
const failure = (error: unknown, more: Partial<PlatformWrite> = {}) =>
  write({ end: { kind: 'failed', error }, status: null, ...more });

describe('a write of a mutation', () => {
  it('is recorded when it has ended, with its caller and its mutation', () => {
    const { audit, entries } = begin(cancel);
    audit.wrote(write({}));
    const expected = {
      principal: 'someone',
      platformUser: null,
      tenant: tenantOf('prod'),
      requestId: 'client-1',
      operation: 'cancelExportJob',
      entity: 'ExportJob',
      action: 'cancel',
      id: '7',
      outcome: 'done',
      evidence: 'response',
      code: null,
      status: 204,
      idempotencyKey: null,
      platformRequestId: 'platform-1',
    };
    expect(entries).toEqual([expected]);
    audit.succeeded();
    expect(entries).toHaveLength(1);
  });

  it('contains the innermost idempotency key under which it was sent', async () => {
    const { audit, entries } = begin(create);
    const dataset = { entity: 'Dataset', action: 'create' } as const;
    await audit.underKey('outer', async () => {
      await audit.underKey('inner', async () => audit.wrote(write({ ...dataset, id: 'd' })));
      audit.wrote(write({ action: 'create' }));
    });
    audit.wrote(write({ action: 'create' }));
    expect(entries.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['inner', 'outer', null]);
  });

  it('is rejected if the platform does not have the entity', () => {
    const { audit, entries } = begin(cancel);
    audit.wrote(write({ end: { kind: 'absent' }, status: 404 }));
    audit.failed(new NotFoundError('7', { message }));
    expect(entries).toMatchObject([{ outcome: 'rejected', code: 'NOT_FOUND', status: 404, evidence: null }]);
  });

  it.each([
    [new InvalidInputError([]), 'rejected'],
    [new ConflictError({ message }), 'rejected'],
    [new ForbiddenError({ message }), 'rejected'],
    [new RateLimitedError({ message }), 'rejected'],
    [new PlatformError({ status: 418, message }), 'rejected'],
    [new PlatformError({ status: 501, message }), 'rejected'],
    [new GatewayCredentialError({ message }), 'failed'],
    [new UpstreamUnreachableError({ message }), 'failed'],
    [new UpstreamTimeoutError({ message }), 'failed'],
    [new ShuttingDownError(), 'failed'],
    [new OutcomeUnknownError({ message }), 'unknown'],
    [new PlatformError({ status: 500, message }), 'unknown'],
    [new TypeError(message), 'unknown'],
  ])('that fails with %o is %s', (error, outcome) => {
    const { audit, entries } = begin(cancel);
    audit.wrote(failure(error));
    audit.failed(error);
    const code = 'code' in error ? error.code : 'INTERNAL_SERVER_ERROR';
    expect(entries).toMatchObject([{ id: '7', outcome, code, evidence: null }]);
  });

  it('that creates and fails with a status of the platform has created nothing', () => {
    const error = new PlatformError({ status: 503, message });
    const { audit, entries } = begin(create);
    audit.wrote(failure(error, { action: 'create', id: null, status: 503 }));
    audit.failed(error);
    expect(entries).toMatchObject([{ outcome: 'failed', status: 503 }]);
  });

  it('with an unknown outcome is recorded at the end of the mutation', () => {
    const { audit, entries } = begin(cancel);
    audit.wrote(failure(new OutcomeUnknownError({ message })));
    expect(entries).toEqual([]);
    audit.succeeded();
    expect(entries).toMatchObject([
      { outcome: 'done', evidence: 'state', code: null, platformRequestId: 'platform-1' },
    ]);
  });

  it('with an unknown outcome is rejected if the state shows that the platform did not carry it out', () => {
    const { audit, entries } = begin(cancel);
    audit.wrote(failure(new OutcomeUnknownError({ message })));
    audit.failed(new ConflictError({ message }));
    expect(entries).toMatchObject([{ outcome: 'rejected', code: 'CONFLICT' }]);
  });

  it('with an unknown outcome stays unknown when another write follows', () => {
    const { audit, entries } = begin(cancel);
    audit.wrote(failure(new OutcomeUnknownError({ message })));
    audit.wrote(write({}));
    audit.succeeded();
    expect(entries.map(({ outcome }) => outcome)).toEqual(['unknown', 'done']);
  });

  it.each<[end: string, end: (audit: MutationAudit) => void]>([
    ['success', (audit) => audit.succeeded()],
    ['failure', (audit) => audit.failed(new UpstreamUnreachableError({ message }))],
  ])('with an unknown outcome stays unknown after the %s of a mutation that stands for another change', (_, end) => {
    const { audit, entries } = begin(create);
    audit.wrote(write({ action: 'create', id: '8' }));
    audit.wrote(failure(new OutcomeUnknownError({ message }), { entity: 'Dataset', action: 'delete', id: 'd' }));
    end(audit);
    expect(entries.map(({ entity, action, outcome, code }) => [entity, action, outcome, code])).toEqual([
      ['ExportJob', 'create', 'done', null],
      ['Dataset', 'delete', 'unknown', 'OUTCOME_UNKNOWN'],
    ]);
  });
});

describe('a mutation without a write of its own', () => {
  it.each([
    [new InvalidInputError([]), 'rejected'],
    [new ForbiddenError({ message }), 'rejected'],
    [new PlatformError({ status: 404, message }), 'rejected'],
    [new PlatformError({ status: 500, message }), 'failed'],
    [new OutcomeUnknownError({ message }), 'failed'],
    [new UpstreamUnreachableError({ message }), 'failed'],
    [new TypeError(message), 'failed'],
  ])('that fails with %o is %s', (error, outcome) => {
    const { audit, entries } = begin(cancel);
    audit.failed(error);
    expect(entries).toMatchObject([
      { id: '7', operation: 'cancelExportJob', outcome, status: null, platformRequestId: null },
    ]);
  });

  it('is recorded in addition to the writes that it sent before', () => {
    const { audit, entries } = begin(create);
    audit.wrote(write({ entity: 'Dataset', action: 'create', id: 'd' }));
    audit.wrote(write({ entity: 'Dataset', action: 'delete', id: 'd' }));
    audit.failed(new UpstreamUnreachableError({ message }));
    expect(entries.map(({ entity, action, outcome }) => [entity, action, outcome])).toEqual([
      ['Dataset', 'create', 'done'],
      ['Dataset', 'delete', 'done'],
      ['ExportJob', 'create', 'failed'],
    ]);
  });

  it('is recorded as replayed with the entity of its idempotency key', async () => {
    const { audit, entries } = begin(create);
    await audit.underKey('key', async () => audit.replayed('ExportJob', '9'));
    audit.failed(new ConflictError({ message }));
    expect(entries).toMatchObject([
      { entity: 'ExportJob', action: 'create', id: '9', outcome: 'replayed', idempotencyKey: 'key', code: null },
    ]);
  });
});
