import { describe, expect, it } from 'vitest';
import {
  ForbiddenError,
  type GatewayError,
  PlatformError,
  RateLimitedError,
  TokenExpiredError,
  UnauthenticatedError,
} from '../../../src/errors.ts';
import { describeFailure, FailedElsewhereError, isAuthRejection } from '../../../src/polling/failure.ts';

const upstream = { service: 'segmentation', status: 503, requestId: 'r', code: null, title: null } as const;

describe('a failed round of another replica', () => {
  it.each<GatewayError>([
    new PlatformError({ status: 503, message: 'out of order', upstream }),
    new PlatformError({ status: 503, message: 'out of order' }),
    new RateLimitedError({ message: 'slowly', retryAfterMs: 5_000 }),
    new ForbiddenError({ message: 'no' }),
  ])('has the same error for clients as on that replica: $code', (error) => {
    const failure = describeFailure(error);
    if (failure === null) throw new Error('not described');
    const { code, message, retryable, retryAfterMs, upstream: seen } = error;
    const emitted = new FailedElsewhereError(failure);
    expect([emitted.code, emitted.message, emitted.retryable]).toEqual([code, message, retryable]);
    expect([emitted.retryAfterMs, emitted.upstream]).toEqual([retryAfterMs, seen]);
  });

  it('is not described if the cause is a defect', () => {
    for (const defect of [new TypeError('secret'), 'secret', null]) expect(describeFailure(defect)).toBe(null);
  });
});

describe('a rejection of a credential', () => {
  it('is one of the three errors for a rejected credential', () => {
    const message = 'no';
    for (const error of [
      new UnauthenticatedError({ message }),
      new ForbiddenError({ message }),
      new TokenExpiredError({ message }),
    ]) {
      expect(isAuthRejection(error)).toBe(true);
    }
  });

  it('is no other error', () => {
    const coded = Object.assign(new Error('no'), { code: 'FORBIDDEN' });
    for (const error of [new PlatformError({ status: 500, message: 'no' }), coded, 'FORBIDDEN', undefined, null]) {
      expect(isAuthRejection(error)).toBe(false);
    }
  });
});
