import { ForbiddenError } from '../../errors.ts';
import type { Caller } from '../caller.ts';
import type { AcceptedCredentials } from '../http/layers/acceptance.ts';
import type { PlatformApi } from '../platform-api.ts';

/**
 * Reads that show whether the platform accepts a credential. One is enough, unless the credential lacks the right to
 * it.
 */
const reads: readonly ((api: PlatformApi) => Promise<unknown>)[] = [
  ({ exportJobs }) => exportJobs.list({ limit: 1 }),
  ({ datasets }) => datasets.list({ limit: 1, fields: new Set() }),
  ({ segmentJobs }) => segmentJobs.list({ limit: 1 }),
  ({ sandboxes }) => sandboxes.available(),
];

/**
 * Resolves if the platform accepts the caller's credential for its organization: at once for an accepted credential,
 * else after one read, or after several reads if the platform forbids the first ones.
 * @throws {UnauthenticatedError} the platform rejects the credential
 * @throws {ForbiddenError} the platform forbids every one of these reads, so that the credential stays unproven
 * @throws the failure of a call, which shows neither acceptance nor rejection
 */
export async function proveCredential(accepted: AcceptedCredentials, caller: Caller, api: PlatformApi): Promise<void> {
  let forbidden: unknown;
  for (const read of reads) {
    if (accepted.has(caller)) return;
    try {
      await read(api);
    } catch (error) {
      if (accepted.has(caller)) return;
      if (!(error instanceof ForbiddenError)) throw error;
      forbidden = error;
    }
  }
  if (!accepted.has(caller)) throw forbidden;
}
