import { expect, it } from 'vitest';
import {
  ForbiddenError,
  ShuttingDownError,
  TokenExpiredError,
  UnauthenticatedError,
  UpstreamUnreachableError,
} from '../../../../src/errors.ts';
import { ClientLeftError, endReasonOf, endReasonOfAbort } from '../../../../src/server/sharing/end-reason.ts';

it.each([
  [new TokenExpiredError({ message: 'x' }), 'token_expired'],
  [new UnauthenticatedError({ message: 'x' }), 'forbidden'],
  [new ForbiddenError({ message: 'x' }), 'forbidden'],
  [new ShuttingDownError(), 'shutting_down'],
  [new UpstreamUnreachableError({ message: 'x' }), 'failed'],
  [new Error('x'), 'failed'],
] as const)('a subscription whose events fail with %s ends with the reason %s', (error, reason) => {
  expect(endReasonOf(error)).toBe(reason);
});

it.each([
  [new ClientLeftError('replaced'), 'replaced'],
  [new ShuttingDownError(), 'shutting_down'],
  [new DOMException('aborted', 'AbortError'), 'disconnected'],
] as const)('a subscription whose operation is aborted with %s ends with the reason %s', (reason, end) => {
  expect(endReasonOfAbort(reason)).toBe(end);
});
