import type { ExecutionResult } from 'graphql';
import { textOf } from '../../src/server/sharing/serialized-result.ts';

/** A result as a client reads it. The gateway itself has only its text. */
export const readResult = (result: ExecutionResult): ExecutionResult => JSON.parse(textOf(result));
