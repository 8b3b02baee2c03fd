import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Prefix of secrets that tests invent. */
const planted = 'planted-secret-';

/**
 * Prefixes of all secrets in tests: an invented secret, an access token of the emulator, or a signed JWT (`{"alg":…` in
 * base64).
 */
const marks = [planted, 'emulator-token-', 'eyJhbGciOi'];

/**
 * Creates a secret that is recognized wherever it is written. It consists of letters, digits and `-`, so that no
 * encoding changes it.
 */
export const plantedSecret = (name: string): string => `${planted}${name}-${randomBytes(18).toString('hex')}`;

/** Whether a value is recognized wherever it is written. */
export const isRecognisable = (secret: string): boolean => marks.some((mark) => secret.startsWith(mark));

/** Base64 forms of the middle of a mark, which depend on the number of bytes before it. */
const inBase64 = (mark: string): readonly string[] =>
  [0, 1, 2].map((before) => {
    const whole = Buffer.from('\0'.repeat(before) + mark).toString('base64url');
    // The first and the last characters also contain bits of the neighbouring bytes.
    return whole.slice(Math.ceil((before * 8) / 6), -2);
  });

const pattern = new RegExp(marks.flatMap((mark) => [mark, ...inBase64(mark)]).join('|'));

/** Number of characters shown before and after a secret. */
const shownAround = 100;
/** Longest mark in base64, minus one: the maximum length of a secret's start at the end of a text. */
const maxMarkLength = 32;

/** Finds secrets in the output of one writer, chunk by chunk. */
export class SecretSearch {
  #before = '';

  /** @returns the first secret with its surroundings; null when there is none */
  look(piece: string): string | null {
    const text = this.#before + piece;
    const found = pattern.exec(text);
    // A secret that was found is not reported again for the next chunk.
    this.#before = found === null ? text.slice(-maxMarkLength) : '';
    return found === null ? null : text.slice(Math.max(0, found.index - shownAround), found.index + shownAround);
  }
}

const leaks: string[] = [];

/** Records the location of a secret, for the next call of `takeLeaks`. */
export function lookForSecrets(where: string, text: string): void {
  report(where, new SecretSearch().look(text));
}

/** Returns and clears the locations found so far. */
export const takeLeaks = (): readonly string[] => leaks.splice(0);

function report(where: string, found: string | null): void {
  if (found !== null) leaks.push(`${where}: ${found}`);
}

/** A server of this process whose responses are searched. */
export interface SearchedServer {
  readonly name: string;
  readonly url: string;
  /** Locations where a secret is allowed; they are excluded from the search. */
  readonly except?: RegExp;
}

/** Servers by port. */
const servers = new Map<string, SearchedServer>();

/**
 * Searches everything that the server writes to any client, until the result is disposed. This matters because the port
 * of a closed server may be reused by a platform that writes secrets on purpose.
 */
export function searchAnswersOf(server: SearchedServer): Disposable {
  const { port } = new URL(server.url);
  servers.set(port, server);
  return {
    [Symbol.dispose]: () => {
      if (servers.get(port) === server) servers.delete(port);
    },
  };
}

subscribe('net.server.socket', (message) => {
  // The message of this diagnostics channel is documented to contain the accepted socket.
  const { socket } = message as { readonly socket: Socket };
  const port = String(socket.localPort);
  const search = new SecretSearch();
  const write = socket.write.bind(socket);
  const searched = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    const server = servers.get(port);
    if (server !== undefined) {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
      report(`an answer of ${server.name}`, search.look(text.replace(server.except ?? '', '')));
    }
    // The assertion joins the overloads, which differ only in the parameters after the chunk. These are passed on
    // unchanged.
    return (write as (chunk: string | Uint8Array, ...rest: readonly unknown[]) => boolean)(chunk, ...rest);
  };
  // HTTP, WebSocket and event streams all write through this method. There is no event for outgoing data.
  socket.write = searched as Socket['write'];
});
