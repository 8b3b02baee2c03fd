import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** How secrets that a test makes up begin. */
const planted = 'planted-secret-';

/** How every secret of a test begins: made up, an access token of the emulator, or a signed JWT (`{"alg":…` in base64). */
const marks = [planted, 'emulator-token-', 'eyJhbGciOi'];

/** A secret that is found wherever it is written. Letters, digits and `-` alone, so that no encoding changes it. */
export const plantedSecret = (name: string): string => `${planted}${name}-${randomBytes(18).toString('hex')}`;

/** Whether a value is found wherever it is written. */
export const isRecognisable = (secret: string): boolean => marks.some((mark) => secret.startsWith(mark));

/** What the middle of a mark looks like in base64, which depends on how many octets stand before it. */
const inBase64 = (mark: string): readonly string[] =>
  [0, 1, 2].map((before) => {
    const whole = Buffer.from('\0'.repeat(before) + mark).toString('base64url');
    // The first and the last characters also hold bits of what stands around.
    return whole.slice(Math.ceil((before * 8) / 6), -2);
  });

const pattern = new RegExp(marks.flatMap((mark) => [mark, ...inBase64(mark)]).join('|'));

/** Characters of a text before and after a secret that are shown. */
const shownAround = 100;
/** Longest mark in base64, less one: what of a text the beginning of a secret may be. */
const maxMarkLength = 32;

/** Finds secrets in what one writer writes, piece by piece. */
export class SecretSearch {
  #before = '';

  /** @returns the first secret with what stands around it, null when there is none */
  look(piece: string): string | null {
    const text = this.#before + piece;
    const found = pattern.exec(text);
    // A secret that was found is not found again in the next piece.
    this.#before = found === null ? text.slice(-maxMarkLength) : '';
    return found === null ? null : text.slice(Math.max(0, found.index - shownAround), found.index + shownAround);
  }
}

const leaks: string[] = [];

/** Remembers where a secret was written, for whoever asks `takeLeaks` next. */
export function lookForSecrets(where: string, text: string): void {
  report(where, new SecretSearch().look(text));
}

/** What has been found since the last time. */
export const takeLeaks = (): readonly string[] => leaks.splice(0);

function report(where: string, found: string | null): void {
  if (found !== null) leaks.push(`${where}: ${found}`);
}

/** A server of this process whose answers are searched. */
export interface SearchedServer {
  readonly name: string;
  readonly url: string;
  /** Where a secret belongs: what is left out of the search. */
  readonly except?: RegExp;
}

/** Servers by their port. */
const servers = new Map<string, SearchedServer>();

/**
 * Searches everything that the server writes to any client, until the result is disposed. A server that has been closed
 * gives its port back, and the next one on it may be a platform that writes secrets on purpose.
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
  // Documented: the message of this channel holds the socket that the server has accepted.
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
    // The overloads differ in what follows the chunk, which is passed on as it came.
    return (write as (chunk: string | Uint8Array, ...rest: readonly unknown[]) => boolean)(chunk, ...rest);
  };
  // HTTP, WebSocket and event streams all write by this one method: there is no event for what goes out.
  socket.write = searched as Socket['write'];
});
