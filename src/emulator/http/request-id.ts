import { randomBytes } from 'node:crypto';
import type { EmulatorQuirks } from '../options.ts';
import type { Call } from './operation.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const length = 32;

/** A request id in the platform's form: 32 letters and digits. */
export function newRequestId(): string {
  return Array.from(randomBytes(length), (octet) => alphabet.charAt(octet % alphabet.length)).join('');
}

/** The `requestId` of a job. The documentation does not state whether it is the caller's `x-request-id`. */
export function requestIdFor(
  { header, requestId }: Pick<Call, 'header' | 'requestId'>,
  { echoRequestId }: Pick<EmulatorQuirks, 'echoRequestId'>,
): string {
  return (echoRequestId ? header('x-request-id') : null) ?? requestId;
}
