import { hkdfSync, webcrypto } from 'node:crypto';
import { z } from 'zod';
import type { PassthroughOptions } from '../auth/modes/passthrough.ts';
import { type BatchFile, type DownloadFormat, downloadFormats } from '../domain/batch.ts';
import { encodeName, nameOfDownload } from '../domain/file-name.ts';
import { type DataSetFileId, platformId } from '../domain/ids.ts';
import { parseTenant } from '../domain/tenant.ts';
import { ForbiddenError, InvalidInputError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Caller, Credential } from '../upstream/caller.ts';

export interface DownloadLinksOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Encrypts the links. Every gateway, and everyone else, with the same secret can open them. */
  readonly secret: string | Uint8Array;
  readonly ttlMs: number;
  /** The gateway's own credential; null: callers bring their own, and a link contains it in encrypted form. */
  readonly ownCredential: Credential | null;
  /** Creates the credential of a caller from the headers in a link. */
  readonly createCallerCredential: PassthroughOptions['createCredential'];
}

/** The caller, the file and the expiry that a link contains. */
export interface Download {
  /** Unique per link, and not secret. */
  readonly id: string;
  readonly caller: Caller;
  readonly file: Pick<BatchFile, 'fileId' | 'name' | 'place'>;
  readonly format: DownloadFormat;
  readonly expiresAt: Date;
}

export interface DownloadLink {
  /** Time from which the link is rejected. */
  readonly expiresAt: Date;
  /** @throws {InvalidInputError} the caller's credential is too long to be part of a URL */
  url(format: DownloadFormat): Promise<string>;
}

/**
 * Links to files of the platform. Everyone who has a link can download its file, for a limited time, and nothing else.
 */
export interface DownloadLinks {
  /** @param publicUrl URL at which the caller reaches the gateway, without a trailing slash */
  linkTo(caller: Caller, file: BatchFile, publicUrl: string): DownloadLink;
  /**
   * @param path part of the URL after `/files/`, without a query
   * @throws {ForbiddenError} the link was not created with this secret, was changed, or has expired
   */
  open(path: string): Promise<Download>;
}

/**
 * Maximum number of characters of a token. Node rejects a request whose line and headers together have more than 16
 * KiB, and a client needs a part of them for its headers.
 */
const maxTokenLength = 12_288;

/**
 * The protected header of every link. URLs do not contain it, because it is always the same and a link must not choose
 * how it is opened.
 */
const header = { enc: 'A256GCM', alg: 'dir' } as const;
const encodedHeader = Buffer.from(JSON.stringify(header)).toString('base64url');
/** Nonce, ciphertext, authentication tag. */
const tokenPattern = /^([\w-]{16})\.([\w-]+)\.([\w-]{22})$/;

const claims = z.object({
  exp: z.number(),
  org: z.string(),
  sandbox: z.string(),
  file: z.string(),
  name: z.string(),
  /** Present for a file of rejected rows. */
  place: z.literal('failed').optional(),
  /** Absent: the unchanged bytes. */
  format: z.enum(downloadFormats).optional(),
  /** The headers of the caller's credential, if callers bring their own. */
  auth: z.string().optional(),
  key: z.string().optional(),
});

/**
 * A link is a JWE (RFC 7516) that contains everything needed to follow it, so that every replica with the same secret
 * can open it, even after a restart. Its last segment is the name of the file, because many clients save a download
 * under it.
 */
export function createDownloadLinks(options: DownloadLinksOptions): DownloadLinks {
  const { clock, secret, ttlMs, ownCredential, createCallerCredential } = options;
  const key = importKey(secret);

  const encrypt = async (
    { tenant, credential }: Caller,
    { file, format, expiresAt }: Pick<Download, 'file' | 'format' | 'expiresAt'>,
  ): Promise<string> => {
    const own = ownCredential === null ? await credential.headers(new AbortController().signal) : null;
    const { EncryptJWT } = await importJose();
    const jwe = await new EncryptJWT({
      org: tenant.org,
      sandbox: tenant.sandbox,
      file: file.fileId,
      name: file.name,
      ...(file.place === undefined ? {} : { place: file.place }),
      ...(format === 'ORIGINAL' ? {} : { format }),
      ...(own === null ? {} : { auth: own['authorization'], key: own['x-api-key'] }),
    })
      .setProtectedHeader(header)
      .setExpirationTime(expiresAt.getTime() / 1_000)
      .encrypt(await key);
    const token = jwe.slice(`${encodedHeader}..`.length);
    if (token.length <= maxTokenLength) return token;
    throw new InvalidInputError([{ path: 'authorization', message: 'the token is too long for a download link' }]);
  };

  const decrypt = async (token: string) => {
    const { errors, jwtDecrypt } = await importJose();
    const currentDate = clock.now();
    const decrypted = await jwtDecrypt(`${encodedHeader}..${token}`, await key, { currentDate }).catch(
      (error: unknown) => {
        if (error instanceof errors.JOSEError) return null;
        throw error;
      },
    );
    // The claims are checked, because another version of the gateway may have created the link with other claims.
    const found = claims.safeParse(decrypted?.payload).data;
    if (found === undefined) return null;
    const expiresAt = new Date(Math.round(found.exp * 1_000));
    // The expiry is checked again, because the library compares whole seconds.
    return expiresAt <= currentDate ? null : { ...found, expiresAt };
  };

  const credentialOf = ({ auth, key: apiKey }: z.output<typeof claims>): Credential | null => {
    if (ownCredential !== null) return ownCredential;
    return auth === undefined || apiKey === undefined ? null : createCallerCredential({ authorization: auth, apiKey });
  };

  return {
    linkTo: (caller, file, publicUrl) => {
      const expiresAt = new Date(clock.now().getTime() + ttlMs);
      return {
        expiresAt,
        url: async (format) => {
          const token = await encrypt(caller, { file, format, expiresAt });
          return `${publicUrl}/files/${token}/${encodeName(nameOfDownload(file.name, format))}`;
        },
      };
    },

    open: async (path) => {
      const rejected = () => new ForbiddenError({ message: 'The link is not valid, or has expired.' });
      const [token = '', segment, ...rest] = path.length <= 2 * maxTokenLength ? path.split('/') : [];
      const parts = token.length <= maxTokenLength ? tokenPattern.exec(token) : null;
      if (parts === null || rest.length > 0) throw rejected();
      const [, nonce = '', ciphertext = '', tag = ''] = parts;
      if (![nonce, ciphertext, tag].every(isCanonical)) throw rejected();

      const found = await decrypt(token);
      if (found === null) throw rejected();
      const tenant = parseTenant(found.org, found.sandbox);
      const credential = credentialOf(found);
      if (tenant === null || credential === null) throw rejected();
      const { format = 'ORIGINAL' } = found;
      if (segment !== undefined && decoded(segment) !== nameOfDownload(found.name, format)) throw rejected();
      return {
        id: tag,
        caller: { tenant, credential },
        file: {
          fileId: platformId<DataSetFileId>(found.file),
          name: found.name,
          ...(found.place === undefined ? {} : { place: found.place }),
        },
        format,
        expiresAt: found.expiresAt,
      };
    },
  };
}

/** Loads jose with the first link, because most gateways create none for a long time. */
const importJose = () => import('jose');

/** Derives the key of all links, because a secret may be short or may have other uses. */
function importKey(secret: string | Uint8Array): Promise<webcrypto.CryptoKey> {
  const bytes = hkdfSync('sha256', secret, '', 'aep-export-gateway download links', 32);
  return webcrypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/**
 * Whether a part has its canonical encoding. Several texts decode to the same bytes, but only one of them was created
 * here.
 */
const isCanonical = (part: string): boolean => Buffer.from(part, 'base64url').toString('base64url') === part;

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
