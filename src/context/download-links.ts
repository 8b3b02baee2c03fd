import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { BatchFile } from '../domain/batch.ts';
import { type DataSetFileId, platformId } from '../domain/ids.ts';
import { parseTenant, tenantKey } from '../domain/tenant.ts';
import { ForbiddenError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Caller, Credential } from '../upstream/platform-api.ts';

export interface DownloadLinksOptions {
  readonly clock: Clock;
  /** Signs the links; everybody who knows it can make them. */
  readonly secret: string | Uint8Array;
  readonly ttlMs: number;
  /** Where the gateway is reached, without a trailing slash. Asked for each link: it is known only once it listens. */
  readonly publicUrl: () => string;
  /** The gateway's own credential. Null when callers bring theirs: a link then names a ticket that stands for it. */
  readonly ownCredential: Credential | null;
}

/** What a link stands for. */
export interface Download {
  readonly caller: Caller;
  readonly file: Pick<BatchFile, 'fileId' | 'name'>;
}

/** Links to files of the platform that anybody who has one may follow, for a short time, and for nothing else. */
export interface DownloadLinks {
  linkTo(caller: Caller, file: BatchFile): string;
  /** @throws {ForbiddenError} the token was not made here, was changed, or has expired */
  open(token: string): Download;
}

/** Tickets kept at the same time; the oldest go first. */
const maxTickets = 10_000;
/** Far above what a link needs, and little enough to be checked without care. */
const maxTokenLength = 4_096;

interface Ticket {
  readonly caller: Caller;
  /** Under which `ticketIds` names it. */
  readonly key: string;
  readonly expiresAt: number;
}

/**
 * A link holds tenant, file and time of expiry in the clear, signed. It never holds a credential: when callers bring
 * their own, it names a ticket, and the credential stays in memory here.
 */
export function createDownloadLinks(options: DownloadLinksOptions): DownloadLinks {
  const { clock, secret, ttlMs, publicUrl, ownCredential } = options;
  const tickets = new Map<string, Ticket>();
  const ticketIds = new Map<string, string>();

  const sign = (payload: string): string => createHmac('sha256', secret).update(payload).digest('base64url');

  /** One ticket serves all links of a caller until less than a link's life is left of it. */
  const ticketOf = (caller: Caller): string => {
    const now = clock.now().getTime();
    const key = JSON.stringify([tenantKey(caller.tenant), caller.credential.fingerprint]);
    const known = ticketIds.get(key);
    if (known !== undefined && (tickets.get(known)?.expiresAt ?? 0) >= now + ttlMs) return known;
    forgetExpired(now);
    const id = randomBytes(18).toString('base64url');
    tickets.set(id, { caller, key, expiresAt: now + 2 * ttlMs });
    ticketIds.set(key, id);
    return id;
  };

  const forgetExpired = (now: number): void => {
    const surplus = tickets.size - maxTickets + 1;
    let index = 0;
    for (const [id, ticket] of tickets) {
      if (index >= surplus && ticket.expiresAt > now) break;
      tickets.delete(id);
      if (ticketIds.get(ticket.key) === id) ticketIds.delete(ticket.key);
      index += 1;
    }
  };

  return {
    linkTo: (caller, { fileId, name }) => {
      const { org, sandbox } = caller.tenant;
      const expiresAt = clock.now().getTime() + ttlMs;
      const ticket = ownCredential === null ? ticketOf(caller) : '';
      const payload = Buffer.from(JSON.stringify([org, sandbox, fileId, name, expiresAt, ticket])).toString(
        'base64url',
      );
      return `${publicUrl()}/files/${payload}.${sign(payload)}`;
    },

    open: (token) => {
      const refused = () => new ForbiddenError({ message: 'The link is not valid, or has expired.' });
      const [payload, signature, ...rest] = token.length <= maxTokenLength ? token.split('.') : [];
      if (payload === undefined || signature === undefined || rest.length > 0) throw refused();
      // Compared as text: two texts can decode to the same bytes, and only one of them was made here.
      const expected = Buffer.from(sign(payload));
      const given = Buffer.from(signature);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw refused();

      // Signed by us, so it is what `linkTo` wrote; the checks below only give the parts their types.
      const parts: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
      if (!Array.isArray(parts)) throw refused();
      const [org, sandbox, fileId, name, expiresAt, ticketId]: unknown[] = parts;
      const tenant = parseTenant(String(org), String(sandbox));
      if (tenant === null || typeof expiresAt !== 'number' || expiresAt <= clock.now().getTime()) throw refused();
      const credential = ownCredential ?? tickets.get(String(ticketId))?.caller.credential;
      if (credential === undefined) throw refused();
      return {
        caller: { tenant, credential },
        file: { fileId: platformId<DataSetFileId>(String(fileId)), name: String(name) },
      };
    },
  };
}
