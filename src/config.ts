import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { parseTenant, type Tenant } from './domain/tenant.ts';
import { type LogLevel, logLevels } from './runtime/logger.ts';

/** Everything that can be set, checked and complete. Made once, at start, by `loadConfig`. */
export interface Config {
  readonly server: ServerConfig;
  readonly platform: PlatformConfig;
  readonly auth: AuthConfig;
  readonly polling: { readonly minMs: number; readonly maxMs: number };
  readonly downloads: { readonly linkTtlMs: number; readonly secret: string | null };
  readonly logLevel: LogLevel;
}

export interface ServerConfig {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** Where clients reach the gateway, without a trailing slash; null means where it listens. */
  readonly publicUrl: string | null;
  readonly corsOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly introspection: boolean;
  readonly maxBodyBytes: number;
  readonly drainMs: number;
}

/** The platform itself, or the emulator that the gateway starts beside itself. */
export type PlatformConfig =
  | {
      readonly kind: 'emulator';
      readonly profiles: number;
      readonly directory: string | null;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'remote'; readonly baseUrl: string; readonly imsUrl: string; readonly timeoutMs: number };

export type AuthConfig =
  /** The gateway's own credential for an emulator on loopback; callers need none. */
  | {
      readonly mode: 'embedded';
      readonly defaultTenant: Tenant;
      readonly clientId: string;
      readonly clientSecret: string;
    }
  /** The caller's own platform headers go upstream. */
  | {
      readonly mode: 'passthrough';
      readonly defaultOrg: string | null;
      readonly defaultSandbox: string;
      readonly defaultApiKey: string | null;
    };

/** Thrown by `loadConfig`: every variable that is wrong, with what is wrong about it, and no value of a secret. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly issues: readonly string[];

  constructor(issues: readonly string[]) {
    super(`configuration: ${issues.join('; ')}`);
    this.issues = issues;
  }
}

const integer = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${minimum} to ${maximum}`)
    .transform(Number)
    .pipe(z.number().min(minimum, `must be at least ${minimum}`).max(maximum, `must be at most ${maximum}`));

const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((value) => value === 'true' || value === '1');

const baseUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL', abort: true })
  .refine((value) => new URL(value).username === '' && new URL(value).password === '', 'must not hold a credential')
  .refine((value) => !/[?#]/.test(value), 'must have neither query nor fragment')
  .transform((value) => value.replace(/\/+$/, ''));

const header = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be printable ASCII without spaces');

const describe = <Schema extends z.ZodType>(schema: Schema, shownDefault: string, description: string) =>
  schema.optional().meta({ description, shownDefault });

/**
 * Every environment variable that the gateway reads. The table in the README is printed from this object, so each entry
 * says what it means and what holds when it is not set.
 */
export const variables = z.object({
  PORT: describe(integer(0, 65_535), '4000', 'Port to listen on; 0 takes any free one, named on the ready line.'),
  HOST: describe(
    z.string().min(1),
    '127.0.0.1',
    'Address to listen on. Other than loopback is refused in `embedded` mode.',
  ),
  PUBLIC_URL: describe(baseUrl, 'where it listens', 'Where clients reach the gateway; download links begin with it.'),
  AEP_BASE_URL: describe(
    baseUrl,
    'the built-in emulator',
    'The platform, `https://platform.adobe.io` for the real one.',
  ),
  AEP_IMS_URL: describe(
    baseUrl,
    '`AEP_BASE_URL` in `embedded` mode, else `https://ims-na1.adobelogin.com`',
    'Where access tokens are asked for.',
  ),
  AUTH_MODE: describe(
    z.enum(['embedded', 'passthrough'], 'must be embedded or passthrough'),
    '`embedded` without `AEP_BASE_URL`, else `passthrough`',
    '`embedded`: an emulator behind, no credential needed. `passthrough`: the caller’s own platform headers go upstream.',
  ),
  AEP_ORG_ID: describe(z.string(), 'the emulator’s, else none', 'Organization when a request names none.'),
  AEP_SANDBOX: describe(z.string(), 'prod', 'Sandbox when a request names none.'),
  AEP_API_KEY: describe(header, 'none', 'API key (`x-api-key`) when a request brings none.'),
  UPSTREAM_TIMEOUT_MS: describe(
    integer(100, 60_000),
    '30000',
    'Deadline of one call to the platform, in milliseconds.',
  ),
  POLL_MIN_MS: describe(
    integer(100, 600_000),
    '2000',
    'Shortest pause between two looks at the platform, in milliseconds.',
  ),
  POLL_MAX_MS: describe(
    integer(100, 3_600_000),
    '30000',
    'Longest pause between two looks at the platform, in milliseconds.',
  ),
  CORS_ORIGINS: describe(z.string(), 'none', 'Origins of browser apps that may call, separated by commas.'),
  GRAPHIQL: describe(flag, 'true in `embedded` mode, else false', 'Serve GraphiQL to browsers at `/graphql`.'),
  INTROSPECTION: describe(flag, 'true', 'Answer introspection queries.'),
  MAX_BODY_BYTES: describe(integer(1_024, 100_000_000), '1000000', 'Largest request body, in bytes.'),
  DRAIN_MS: describe(
    integer(0, 600_000),
    '10000',
    'How long a shutdown waits for requests in flight, in milliseconds.',
  ),
  DOWNLOAD_LINK_TTL_SECONDS: describe(integer(1, 86_400), '900', 'How long a download link works, in seconds.'),
  DOWNLOAD_LINK_SECRET: describe(
    z.string().min(32, 'must have at least 32 characters'),
    'random at each start',
    'Signs download links. Set the same one on all replicas.',
  ),
  LOG_LEVEL: describe(
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    'info',
    'Least severe level that is logged.',
  ),
  EMULATOR_PROFILES: describe(integer(0, 10_000_000), '10000', 'Profiles that the built-in emulator makes up.'),
  EMULATOR_DIR: describe(z.string().min(1), 'a temporary directory', 'Where the built-in emulator keeps its state.'),
});

const emulatorCredential = { clientId: 'emulator', clientSecret: 'emulator', org: '0123456789ABCDEF01234567@AdobeOrg' };
const realIms = 'https://ims-na1.adobelogin.com';

/**
 * Reads the configuration from an environment. Pure: it looks at nothing else. An empty variable counts as not set.
 * @throws {ConfigurationError} naming every variable that is wrong
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const issues: string[] = [];
  for (const issue of variables.safeParse(present).error?.issues ?? []) {
    issues.push(`${issue.path.join('.')} ${issue.message}`);
    delete present[String(issue.path[0])];
  }
  const wrong = (...names: readonly (keyof typeof variables.shape)[]) =>
    names.some((name) => env[name] && present[name] === undefined);
  // Those that are right are compared with each other all the same, so that one start shows everything.
  const set = variables.parse(present);

  const mode = set.AUTH_MODE ?? (set.AEP_BASE_URL === undefined ? 'embedded' : 'passthrough');
  const host = set.HOST ?? '127.0.0.1';
  const minMs = set.POLL_MIN_MS ?? 2_000;
  const maxMs = set.POLL_MAX_MS ?? Math.max(30_000, minMs);
  if (minMs > maxMs && !wrong('POLL_MIN_MS', 'POLL_MAX_MS'))
    issues.push('POLL_MIN_MS must not be greater than POLL_MAX_MS');

  const sandbox = set.AEP_SANDBOX ?? 'prod';
  const tenant = parseTenant(set.AEP_ORG_ID ?? emulatorCredential.org, sandbox);
  if (tenant === null) issues.push('AEP_ORG_ID must look like 0123…@AdobeOrg and AEP_SANDBOX like a sandbox name');

  switch (mode) {
    case 'embedded':
      if (wrong('AUTH_MODE', 'AEP_BASE_URL')) break;
      if (!isLoopback(host))
        issues.push('HOST must be a loopback address in embedded mode, which asks callers for no credential');
      for (const name of ['AEP_BASE_URL', 'AEP_IMS_URL'] as const) {
        if (set[name] !== undefined && !isLoopback(new URL(set[name]).hostname))
          issues.push(`${name} must be an emulator on loopback in embedded mode`);
      }
      break;
    case 'passthrough':
      if (set.AEP_BASE_URL === undefined && !wrong('AEP_BASE_URL'))
        issues.push('AEP_BASE_URL must be set in passthrough mode');
      break;
  }

  const corsOrigins = (set.CORS_ORIGINS ?? '')
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
  for (const origin of corsOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      issues.push(`CORS_ORIGINS holds something that is not an origin`);
  }

  if (issues.length > 0 || tenant === null) throw new ConfigurationError(issues);

  const timeoutMs = set.UPSTREAM_TIMEOUT_MS ?? 30_000;
  return {
    server: {
      host,
      port: set.PORT ?? 4_000,
      publicUrl: set.PUBLIC_URL ?? null,
      corsOrigins,
      graphiql: set.GRAPHIQL ?? mode === 'embedded',
      introspection: set.INTROSPECTION ?? true,
      maxBodyBytes: set.MAX_BODY_BYTES ?? 1_000_000,
      drainMs: set.DRAIN_MS ?? 10_000,
    },
    platform:
      set.AEP_BASE_URL === undefined
        ? {
            kind: 'emulator',
            profiles: set.EMULATOR_PROFILES ?? 10_000,
            directory: set.EMULATOR_DIR ?? null,
            timeoutMs,
          }
        : {
            kind: 'remote',
            baseUrl: set.AEP_BASE_URL,
            imsUrl: set.AEP_IMS_URL ?? (mode === 'embedded' ? set.AEP_BASE_URL : realIms),
            timeoutMs,
          },
    auth:
      mode === 'embedded'
        ? {
            mode,
            defaultTenant: tenant,
            clientId: emulatorCredential.clientId,
            clientSecret: emulatorCredential.clientSecret,
          }
        : {
            mode,
            defaultOrg: set.AEP_ORG_ID ?? null,
            defaultSandbox: sandbox,
            defaultApiKey: set.AEP_API_KEY ?? null,
          },
    polling: { minMs, maxMs },
    downloads: {
      linkTtlMs: (set.DOWNLOAD_LINK_TTL_SECONDS ?? 900) * 1_000,
      secret: set.DOWNLOAD_LINK_SECRET ?? null,
    },
    logLevel: set.LOG_LEVEL ?? 'info',
  };
}

/** Whether only this machine can reach an address. A name other than `localhost` is not looked up: it counts as outside. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (bare.startsWith('127.') && isIPv4(bare));
}
