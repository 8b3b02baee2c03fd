import { z } from 'zod';
import type { AuthMode } from '../domain/auth-mode.ts';
import { orgProblem, parseTenant, sandboxProblem, type Tenant } from '../domain/tenant.ts';
import type { EmulatorOptions } from '../emulator/options.ts';
import { platformOptions } from '../emulator/variables.ts';
import type { LogLevel } from '../runtime/logger.ts';
import { probablyMisspelt, unknownVariables } from '../runtime/unknown-variables.ts';
import { contradictions } from './contradictions.ts';
import { realImsUrl, variableNames, variables } from './variables.ts';

/** The checked and complete configuration. `loadConfig` creates it once, at start. */
export interface Config {
  readonly server: ServerConfig;
  /** Address of the paths for operators; null: they are served with the other paths. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  readonly platform: PlatformConfig;
  readonly upstream: UpstreamConfig;
  readonly auth: AuthConfig;
  readonly limits: LimitsConfig;
  /**
   * Path of the file with the only documents that are executed; null: all documents are executed, and remembered by
   * their hash.
   */
  readonly trustedDocuments: string | null;
  readonly polling: {
    readonly minMs: number;
    readonly maxMs: number;
    /** Validity of the proof that a subscriber's own credential may read, in milliseconds. */
    readonly authorizationLeaseMs: number;
    /** Interval in which live views emit their state again, in milliseconds; null: never. */
    readonly confirmStateMs: number | null;
  };
  /** URLs to which the gateway may send events of subscriptions. */
  readonly callbacks: CallbackConfig;
  /** URL of the Redis that replicas share; null: this replica shares nothing. It may contain a password. */
  readonly redisUrl: string | null;
  readonly downloads: { readonly linkTtlMs: number; readonly secret: string | null };
  readonly logLevel: LogLevel;
  /** Share of the operations that are logged, from 0 to 1. */
  readonly accessLog: number;
  /** Path of the file of the audit log; null: standard error. */
  readonly auditLog: string | null;
}

export interface ServerConfig {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** URL at which clients reach the gateway, without a trailing slash; null: the address on which it listens. */
  readonly publicUrl: string | null;
  readonly corsOrigins: readonly string[];
  readonly graphiql: boolean;
  readonly console: boolean;
  readonly introspection: boolean;
  readonly maxBodyBytes: number;
  readonly keepAliveTimeoutMs: number;
  /** Interval of the pings on connections that stay open, in milliseconds. */
  readonly pingIntervalMs: number;
  readonly drainMs: number;
}

export interface CallbackConfig {
  /** Prefixes of permitted callback URLs. Without any, callbacks are disabled. */
  readonly urls: readonly string[];
  /** Maximum number of concurrent callbacks to one router. */
  readonly maxInFlightPerRouter: number;
  /** Blocks of permitted private addresses of callback URLs. */
  readonly networks: readonly { readonly address: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6' }[];
}

/** Limits of one operation, one socket and one caller. */
export interface LimitsConfig {
  readonly operation: {
    readonly maxTokens: number;
    readonly maxDepth: number;
    readonly maxAliases: number;
    readonly maxDirectives: number;
    /** Maximum number of platform calls for one operation. */
    readonly maxUpstreamCalls: number;
  };
  /** Rate of operations of one caller. `perSecond` 0 means no limit. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  readonly subscriptions: {
    readonly perSocket: number;
    readonly perCaller: number;
    readonly perTenant: number;
    readonly total: number;
  };
}

/** The platform itself, or the emulator that the gateway starts in its own process. */
export type PlatformConfig =
  | {
      readonly kind: 'emulator';
      readonly options: EmulatorOptions;
    }
  | { readonly kind: 'remote'; readonly baseUrl: string; readonly imsUrl: string };

/** Settings for calls to the platform or the emulator. */
export interface UpstreamConfig {
  /** Deadline of one call, in milliseconds. */
  readonly timeoutMs: number;
  /** Sustained rate of calls of one tenant. */
  readonly callsPerSecond: number;
}

export type AuthConfig =
  /** The gateway's own credential for an emulator on loopback. Callers need no credential. */
  | {
      readonly mode: 'embedded';
      readonly defaultTenant: Tenant;
      readonly clientId: string;
      readonly clientSecret: string;
    }
  /** The caller's own platform headers are sent to the platform. */
  | {
      readonly mode: 'passthrough';
      readonly defaultOrg: string | null;
      readonly defaultSandbox: string;
      readonly defaultApiKey: string | null;
    }
  /** The gateway's own credential for the platform. Callers send a token of an issuer. */
  | {
      readonly mode: 'service';
      /** The only organization that is served; null: the organization of each token. */
      readonly onlyOrg: string | null;
      readonly defaultSandbox: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scopes: readonly string[];
      readonly jwt: {
        readonly jwksUrl: string;
        readonly issuer: string;
        readonly audience: string;
        readonly claims: { readonly organization: string; readonly sandboxes: string; readonly scopes: string };
      };
    };

/** Thrown when variables are wrong. Names each of them with its problem, and repeats no value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly issues: readonly string[];

  constructor(issues: readonly string[]) {
    super(`configuration: ${issues.join('; ')}`);
    this.issues = issues;
  }
}

const emulatorCredential = { clientId: 'emulator', clientSecret: 'emulator', org: '0123456789ABCDEF01234567@AdobeOrg' };

/**
 * Reads the configuration from an environment, without side effects. An empty variable counts as not set.
 * @throws {ConfigurationError} it names every variable that is wrong, unknown or contradicts another one
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const issues: string[] = [...unknownVariables(present, variableNames)];
  const { error } = variables.safeParse(present);
  for (const [name, messages] of Object.entries(error === undefined ? {} : z.flattenError(error).fieldErrors)) {
    issues.push(`${name} ${[...new Set(messages)].join(', and ')}`);
    delete present[name];
  }
  // The valid variables are still compared with each other, so that one start shows every problem.
  const set = variables.parse(present);

  const mode = set.AUTH_MODE ?? (set.AEP_BASE_URL === undefined ? 'embedded' : 'passthrough');
  const isGiven = (name: keyof typeof set) => present[name] !== undefined;
  const isWrong = (...names: readonly (keyof typeof set)[]) =>
    names.some((name) => env[name] && present[name] === undefined);
  issues.push(...contradictions({ set, isGiven, isWrong, mode }));

  const sandbox = set.AEP_SANDBOX;
  const org = set.AEP_ORG_ID ?? emulatorCredential.org;
  const tenant = parseTenant(org, sandbox);
  for (const [name, problem] of Object.entries({ AEP_ORG_ID: orgProblem(org), AEP_SANDBOX: sandboxProblem(sandbox) })) {
    if (problem !== null) issues.push(`${name} ${problem}`);
  }
  if (issues.length > 0 || tenant === null) throw new ConfigurationError(issues);

  return {
    server: {
      host: set.HOST,
      port: set.PORT,
      publicUrl: set.PUBLIC_URL ?? null,
      corsOrigins: set.CORS_ORIGINS,
      graphiql: set.GRAPHIQL[mode],
      console: set.CONSOLE[mode],
      introspection: set.INTROSPECTION[mode],
      maxBodyBytes: set.MAX_BODY_BYTES,
      keepAliveTimeoutMs: set.KEEP_ALIVE_TIMEOUT_MS,
      pingIntervalMs: set.PING_INTERVAL_MS,
      drainMs: set.DRAIN_MS,
    },
    admin: set.ADMIN_PORT === undefined ? null : { host: set.ADMIN_HOST, port: set.ADMIN_PORT },
    platform:
      set.AEP_BASE_URL === undefined
        ? {
            kind: 'emulator',
            options: platformOptions(set),
          }
        : {
            kind: 'remote',
            baseUrl: set.AEP_BASE_URL,
            imsUrl: set.AEP_IMS_URL ?? (mode === 'embedded' ? set.AEP_BASE_URL : realImsUrl),
          },
    upstream: {
      timeoutMs: set.UPSTREAM_TIMEOUT_MS,
      callsPerSecond: set.UPSTREAM_CALLS_PER_SECOND,
    },
    auth: authConfig(mode, set, tenant),
    limits: {
      operation: {
        maxTokens: set.MAX_OPERATION_TOKENS,
        maxDepth: set.MAX_OPERATION_DEPTH,
        maxAliases: set.MAX_OPERATION_ALIASES,
        maxDirectives: set.MAX_OPERATION_DIRECTIVES,
        maxUpstreamCalls: set.MAX_OPERATION_CALLS,
      },
      rate: { perSecond: set.RATE_LIMIT_PER_SECOND, burst: set.RATE_LIMIT_BURST },
      subscriptions: {
        perSocket: set.MAX_SUBSCRIPTIONS_PER_SOCKET,
        perCaller: set.MAX_SUBSCRIPTIONS_PER_CALLER,
        perTenant: set.MAX_SUBSCRIPTIONS_PER_TENANT,
        total: set.MAX_SUBSCRIPTIONS,
      },
    },
    trustedDocuments: set.TRUSTED_DOCUMENTS ?? null,
    polling: {
      minMs: set.POLL_MIN_MS,
      maxMs: set.POLL_MAX_MS,
      authorizationLeaseMs: set.AUTHORIZATION_LEASE_MS,
      confirmStateMs: set.CONFIRM_STATE_MS || null,
    },
    callbacks: {
      urls: set.SUBSCRIPTION_CALLBACK_URLS,
      networks: set.SUBSCRIPTION_CALLBACK_NETWORKS,
      maxInFlightPerRouter: set.SUBSCRIPTION_CALLBACK_CONCURRENCY,
    },
    redisUrl: set.REDIS_URL ?? null,
    downloads: {
      linkTtlMs: set.DOWNLOAD_LINK_TTL_SECONDS * 1_000,
      secret: set.DOWNLOAD_LINK_SECRET ?? null,
    },
    logLevel: set.LOG_LEVEL,
    accessLog: set.ACCESS_LOG,
    auditLog: set.AUDIT_LOG ?? null,
  };
}

/** Messages about variables that are probably misspelt, but may belong to another program. */
export const probableMistakes = (env: Readonly<Record<string, string | undefined>>): readonly string[] =>
  probablyMisspelt(env, variableNames);

/** Call it only when all variables that the mode needs are set. */
function authConfig(mode: AuthMode, set: z.output<typeof variables>, defaultTenant: Tenant): AuthConfig {
  switch (mode) {
    case 'embedded':
      return {
        mode,
        defaultTenant,
        clientId: emulatorCredential.clientId,
        clientSecret: emulatorCredential.clientSecret,
      };
    case 'passthrough':
      return {
        mode,
        defaultOrg: set.AEP_ORG_ID ?? null,
        defaultSandbox: defaultTenant.sandbox,
        defaultApiKey: set.AEP_API_KEY ?? null,
      };
    case 'service':
      return {
        mode,
        onlyOrg: set.AEP_ORG_ID ?? null,
        defaultSandbox: defaultTenant.sandbox,
        clientId: set.AEP_CLIENT_ID ?? '',
        clientSecret: set.AEP_CLIENT_SECRET ?? '',
        scopes: set.AEP_SCOPES,
        jwt: {
          jwksUrl: set.JWT_JWKS_URL ?? '',
          issuer: set.JWT_ISSUER ?? '',
          audience: set.JWT_AUDIENCE ?? '',
          claims: {
            organization: set.JWT_ORGANIZATION_CLAIM,
            sandboxes: set.JWT_SANDBOXES_CLAIM,
            scopes: set.JWT_SCOPES_CLAIM,
          },
        },
      };
  }
}
