import type { CombinedError } from 'urql';
import { texts } from '../texts.ts';

/** A failed request. */
export interface Failure {
  /** Code of docs/clients.md, or `NETWORK` if there was no response. */
  readonly code: string;
  /** Message of the gateway. It can name fields and headers, so `reasonOfCode` is shown before it. */
  readonly message: string;
  readonly retryable: boolean;
}

interface ErrorLike {
  readonly message: string;
  readonly extensions?: unknown;
}

/** Codes with which the gateway rejects a credential. */
const rejections = new Set(['UNAUTHENTICATED', 'TOKEN_EXPIRED']);

export function failureOf(error: Pick<CombinedError, 'graphQLErrors' | 'networkError'>): Failure {
  const [first] = error.graphQLErrors;
  if (first !== undefined) return failureOfError(first);
  return { code: 'NETWORK', message: texts.failures.reasons.NETWORK, retryable: true };
}

export function failureOfError({ message, extensions }: ErrorLike): Failure {
  const members: object = typeof extensions === 'object' && extensions !== null ? extensions : {};
  return {
    code: 'code' in members ? String(members.code) : 'INTERNAL_SERVER_ERROR',
    message,
    retryable: 'retryable' in members && members.retryable === true,
  };
}

const { other: otherReason, ...reasonsByCode } = texts.failures.reasons;
const reasons: ReadonlyMap<string, string> = new Map(Object.entries(reasonsByCode));

/** Explains a code to a person who does not know the API, and names a remedy. */
export const reasonOfCode = (code: string): string => reasons.get(code) ?? otherReason;

/** Codes of actions that fail again when they are repeated without a change. */
const finalCodes = new Set(['INVALID_INPUT', 'NOT_FOUND', 'CONFLICT', 'FORBIDDEN']);

/** Whether the same action would fail again, so that it is not offered. */
export const failsAgain = ({ code }: Pick<Failure, 'code'>): boolean => finalCodes.has(code);

/** Whether the person must sign in again. */
export const isRejection = ({ code }: Failure): boolean => rejections.has(code);
