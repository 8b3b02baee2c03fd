import type { Failure } from './failure.ts';
import { ValueStore } from './value-store.ts';

/** Entries of the sign-in. An empty text means the default of the gateway. */
export interface Credential {
  readonly token: string;
  readonly apiKey: string;
  readonly organization: string;
}

export const noCredential: Credential = { token: '', apiKey: '', organization: '' };

/** Why the gateway rejected a credential. */
export type Rejection = Pick<Failure, 'code' | 'message'>;

export type Session =
  | { readonly kind: 'signed-in'; readonly credential: Credential }
  /** `reason` is the rejection, or null before the first attempt. */
  | { readonly kind: 'signed-out'; readonly credential: Credential; readonly reason: Rejection | null };

const storageKey = 'aep-export-gateway.session';

/**
 * The credential of this page. It is in memory only, unless the person chose to keep it for the tab. The browser deletes
 * the storage of a tab when the tab is closed.
 */
export class SessionStore extends ValueStore<Session> {
  readonly #storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

  /** @param needsCredential false in the embedded mode, which has no sign-in */
  constructor(storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>, needsCredential: boolean) {
    const kept = readCredential(storage.getItem(storageKey));
    super(
      kept !== null || !needsCredential
        ? { kind: 'signed-in', credential: kept ?? noCredential }
        : { kind: 'signed-out', credential: noCredential, reason: null },
    );
    this.#storage = storage;
  }

  /** @param keep whether the credential survives a reload of the tab */
  signIn(credential: Credential, { keep }: { readonly keep: boolean }): void {
    if (keep) this.#storage.setItem(storageKey, JSON.stringify(credential));
    else this.#storage.removeItem(storageKey);
    this.set({ kind: 'signed-in', credential });
  }

  /** @param reason why the gateway rejected the credential; null if the person signed out */
  signOut(reason: Rejection | null): void {
    const { credential } = this.get();
    this.#storage.removeItem(storageKey);
    // The rest stays, so that only the token must be entered again.
    this.set({ kind: 'signed-out', credential: reason === null ? noCredential : { ...credential, token: '' }, reason });
  }
}

/** Headers of requests, and parameters of the socket. @param sandbox an empty text: the default of the gateway */
export function headersOf({ token, apiKey, organization }: Credential, sandbox: string): Record<string, string> {
  return {
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    ...(apiKey === '' ? {} : { 'x-api-key': apiKey }),
    ...(organization === '' ? {} : { 'x-gw-ims-org-id': organization }),
    ...(sandbox === '' ? {} : { 'x-sandbox-name': sandbox }),
  };
}

function readCredential(text: string | null): Credential | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const entries = Object.keys(noCredential).map((name) => [
      name,
      Object.getOwnPropertyDescriptor(value, name)?.value,
    ]);
    // Each member was checked to be a text.
    return entries.every(([, entry]) => typeof entry === 'string') ? (Object.fromEntries(entries) as Credential) : null;
  } catch {
    return null;
  }
}
