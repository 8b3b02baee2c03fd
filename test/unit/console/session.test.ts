import { describe, expect, it } from 'vitest';
import { headersOf, noCredential, SessionStore } from '../../../src/console/app/session.ts';

/** Storage of a tab. */
function startStorage() {
  const entries = new Map<string, string>();
  return {
    entries,
    getItem: (name: string) => entries.get(name) ?? null,
    setItem: (name: string, value: string) => void entries.set(name, value),
    removeItem: (name: string) => void entries.delete(name),
  };
}

const credential = { token: 'token', apiKey: 'key', organization: 'org' };

describe('the session', () => {
  it('keeps a credential for the tab only if the person wants it', () => {
    const storage = startStorage();
    const session = new SessionStore(storage, true);
    expect(session.get()).toEqual({ kind: 'signed-out', credential: noCredential, reason: null });
    session.signIn(credential, { keep: false });
    expect([session.get(), storage.entries.size]).toEqual([{ kind: 'signed-in', credential }, 0]);
    expect(new SessionStore(storage, true).get().kind).toBe('signed-out');
    session.signIn(credential, { keep: true });
    expect(new SessionStore(storage, true).get()).toEqual({ kind: 'signed-in', credential });
  });

  it('forgets the token when it is rejected, and everything when the person signs out', () => {
    const storage = startStorage();
    const session = new SessionStore(storage, true);
    session.signIn(credential, { keep: true });
    const reason = { code: 'TOKEN_EXPIRED', message: 'The token has expired.' };
    session.signOut(reason);
    expect(session.get()).toEqual({
      kind: 'signed-out',
      credential: { ...credential, token: '' },
      reason,
    });
    expect(storage.entries.size).toBe(0);
    session.signOut(null);
    expect(session.get().credential).toEqual(noCredential);
  });

  it.each(['not JSON', 'null', '{"token":1}', '{"token":"a"}'])(
    'ignores a storage with another content: %s',
    (text) => {
      const storage = startStorage();
      storage.setItem('aep-export-gateway.session', text);
      expect(new SessionStore(storage, true).get().kind).toBe('signed-out');
    },
  );

  it('needs no credential in the embedded mode', () => {
    expect(new SessionStore(startStorage(), false).get()).toEqual({ kind: 'signed-in', credential: noCredential });
  });

  it('sends only the headers that have a value', () => {
    expect(headersOf(credential, '')).toEqual({
      authorization: 'Bearer token',
      'x-api-key': 'key',
      'x-gw-ims-org-id': 'org',
    });
    expect(headersOf(noCredential, '')).toEqual({});
    expect(headersOf(noCredential, 'dev')).toEqual({ 'x-sandbox-name': 'dev' });
  });
});
