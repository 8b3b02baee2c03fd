import { randomFillSync } from 'node:crypto';

declare const brand: unique symbol;

/** Id by which all log lines of one request are found. It is safe in a header and in a log line. */
export type RequestId = string & { readonly [brand]: 'RequestId' };

const pattern = /^[\w.:-]{1,128}$/;

const idBytes = 16;
/** Random bytes for the next ids. One call for many bytes takes a fraction of the time of many calls. */
const random = Buffer.allocUnsafeSlow(256 * idBytes);
let used = random.length;

/** A new id: 32 hexadecimal digits. */
export function newRequestId(): RequestId {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += idBytes;
  return random.toString('hex', used - idBytes, used) as RequestId;
}

/** The id that a client has sent, so that the logs of both sides contain the same id; a new one if it is unusable. */
export const requestIdOf = (given: unknown): RequestId =>
  typeof given === 'string' && pattern.test(given) ? (given as RequestId) : newRequestId();

/** The id of the n-th operation on a connection whose own request has an id. */
export const nthRequestId = (connection: RequestId, n: number): RequestId => `${connection}:${n}` as RequestId;
