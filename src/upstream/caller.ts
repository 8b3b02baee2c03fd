import type { Tenant } from '../domain/tenant.ts';
import type { EndSignal } from '../runtime/end-signal.ts';

/** The credential for the platform. Only `headers` returns its secrets. */
export interface Credential {
  /**
   * Digest that distinguishes credentials without containing them. It is part of every key under which fetched data is
   * kept.
   */
  readonly fingerprint: string;
  /** Owner of the credential, who can correct a rejection: the caller, or the operator of the gateway. */
  readonly owner: 'caller' | 'gateway';
  /**
   * The `Authorization` and `x-api-key` headers of one call.
   * @param rejected the `Authorization` value that the platform has just rejected with 401. A credential that can
   *   obtain a new token does so. Any other credential returns null, and the rejection is final.
   * @returns the headers synchronously if they are available. A failure is always a promise that rejects.
   */
  headers(signal: EndSignal, rejected?: string): Promise<CredentialHeaders | null> | CredentialHeaders | null;
}

export type CredentialHeaders = Readonly<Record<string, string>>;

/** The caller of a platform call: its organization, sandbox and credential. */
export interface Caller {
  readonly tenant: Tenant;
  readonly credential: Credential;
}

/** Receives each failure of the gateway's own credential. */
export type CredentialReport = (error: unknown) => void;
