import { httpStatusByCode } from '../../../src/errors.ts';
import type { Violation } from './violation.ts';

/** An error that a client received: from a GraphQL response, or as a member of a mutation's union. */
export interface SeenError {
  /** The client and the operation that received the error. */
  readonly where: string;
  readonly code: unknown;
  /** Undefined for members of a union, whose type determines it. */
  readonly retryable: unknown;
  readonly message: string;
  readonly from: 'graphql' | 'union';
}

/**
 * Checks that every error has a code of the public contract and is marked as retryable or not, so that no defect is
 * hidden behind another code.
 */
export function checkErrors(errors: readonly SeenError[]): readonly Violation[] {
  return errors.flatMap(({ where, code, retryable, message, from }) => {
    const violations: Violation[] = [];
    const detail = `${String(code)}, retryable ${String(retryable)}: ${message}`;
    if (typeof code !== 'string' || !Object.hasOwn(httpStatusByCode, code)) {
      violations.push({ rule: 'every error has a known code', where, detail });
    }
    if (from === 'graphql' && typeof retryable !== 'boolean') {
      violations.push({ rule: 'every error states whether it is retryable', where, detail });
    }
    if (message.trim() === '') violations.push({ rule: 'every error has a message', where, detail });
    return violations;
  });
}
