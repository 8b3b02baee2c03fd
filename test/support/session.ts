import type { Session } from '../../src/auth/authenticator.ts';
import { tenantOf } from './tenants.ts';

/** Session of a caller with all permissions, with the given members replaced. */
export const testSession = (session: Partial<Session> = {}): Session => ({
  tenant: tenantOf('prod'),
  credential: { fingerprint: 'print', owner: 'caller', headers: async () => ({}) },
  principal: 'x',
  loggedAs: 'somebody',
  platformUser: null,
  allowedSandboxes: null,
  canRead: true,
  canWrite: true,
  canReadData: true,
  expiresAt: null,
  ...session,
});
