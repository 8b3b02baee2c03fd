import { httpStatusByCode } from '../../../src/errors.ts';
import type { Violation } from './violation.ts';

/** An error as a client was told it: of a GraphQL answer, or a member of a mutation's union. */
export interface SeenError {
  /** Who was told, and of what operation. */
  readonly where: string;
  readonly code: unknown;
  /** Undefined for members of a union, whose type says it. */
  readonly retryable: unknown;
  readonly message: string;
  readonly from: 'graphql' | 'union';
}

/** Whether every error has a code of the closed vocabulary and says whether to try again: none is a defect in disguise. */
export function checkErrors(errors: readonly SeenError[]): readonly Violation[] {
  return errors.flatMap(({ where, code, retryable, message, from }) => {
    const violations: Violation[] = [];
    const detail = `${String(code)}, retryable ${String(retryable)}: ${message}`;
    if (typeof code !== 'string' || !Object.hasOwn(httpStatusByCode, code)) {
      violations.push({ rule: 'every error has a known code', where, detail });
    }
    if (from === 'graphql' && typeof retryable !== 'boolean') {
      violations.push({ rule: 'every error says whether to try again', where, detail });
    }
    if (message.trim() === '') violations.push({ rule: 'every error has a message', where, detail });
    return violations;
  });
}
