import { isIP } from 'node:net';
import { z } from 'zod';
import { type AuthMode, authModes } from '../domain/auth-mode.ts';
import { platformVariables } from '../emulator/variables.ts';
import { isPrivateHost } from '../runtime/addresses.ts';
import { logLevels } from '../runtime/logger.ts';
import { isLoopback } from '../runtime/loopback.ts';
import type { VariableNames } from '../runtime/unknown-variables.ts';
import { integer, optionalVariable, variable } from '../runtime/variable.ts';

const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((value) => value === 'true' || value === '1');

const webUrl = (form: string) =>
  z
    .url({ protocol: /^https?$/, error: form, abort: true })
    .refine(
      (value) => new URL(value).username === '' && new URL(value).password === '',
      'must not contain a credential',
    );

const webUrlWithoutQuery = (form: string) =>
  webUrl(form).refine((value) => !/[?#]/.test(value), 'must have neither query nor fragment');

const withoutSlash = (value: string): string => value.replace(/\/+$/, '');

const baseUrl = webUrlWithoutQuery('must be an http or https URL').transform(withoutSlash);

const isEncrypted = (value: string): boolean =>
  new URL(value).protocol === 'https:' || isLoopback(new URL(value).hostname);

/** URL of a host that receives credentials. In a private network, a proxy or an emulator may be reached without TLS. */
const platformUrl = webUrlWithoutQuery('must be an https URL')
  .refine(
    (value) => isEncrypted(value) || isPrivateHost(new URL(value).hostname),
    'must be an https URL unless its host is private, because http sends credentials in clear text',
  )
  .transform(withoutSlash);

const keysUrl = webUrl('must be an https URL').refine(
  isEncrypted,
  'must be an https URL unless its host is on loopback, because an attacker on the way could replace the keys',
);

/** URL that may contain a password. Messages about it never contain its value. */
const redisUrl = z
  .url({ protocol: /^rediss?$/, error: 'must be a redis or rediss URL', abort: true })
  .refine((value) => new URL(value).hostname !== '', 'must name a host')
  .refine((value) => /^\/?\d*$/.test(new URL(value).pathname), 'must have no path but the number of a database')
  .refine((value) => !/[?#]/.test(value), 'must have neither query nor fragment')
  .refine(
    (value) => isDecodable(`${new URL(value).username}${new URL(value).password}`),
    'has a % that does not encode a character',
  );

const words = z
  .string()
  .regex(/^[\x20-\x7e]*[\x21-\x2b\x2d-\x7e][\x20-\x7e]*$/, 'must be names of printable ASCII, separated by commas')
  .transform((value) => value.split(/[ ,]+/).filter((word) => word !== ''));

const callbackUrl = webUrlWithoutQuery('must be http or https URLs, separated by commas')
  .refine(
    (value) => /^(?:\*$|(?:\*\.)?[^*]+$)/.test(new URL(value).hostname) && !new URL(value).pathname.includes('*'),
    'must have * only in place of a host, or of the first labels of its name; every path that begins like the URL matches',
  )
  .refine(
    (value) => !/%2f|%5c/i.test(new URL(value).pathname),
    'must have no encoded slash, because no callback URL with one is allowed',
  );

const origin = z
  .string()
  .refine(
    (value) => URL.canParse(value) && new URL(value).origin === value,
    'must be origins like https://app.example.com, without a slash at the end and without *, separated by commas',
  );

/** A block of addresses in CIDR notation. */
const network = z
  .string()
  .transform((value) => {
    const [, address = '', prefix = ''] = /^(.+)\/(\d{1,3})$/.exec(value) ?? [];
    const family = isIP(address);
    return { address, prefix: Number(prefix), family };
  })
  .refine(
    ({ prefix, family }) => family !== 0 && prefix <= (family === 4 ? 32 : 128),
    'must be blocks of addresses like 10.0.0.0/8, separated by commas',
  )
  .transform(({ address, prefix, family }) => ({
    address,
    prefix,
    family: family === 4 ? ('ipv4' as const) : ('ipv6' as const),
  }));

const listOf = <Output>(item: z.ZodType<Output, string>) =>
  z
    .string()
    .transform((value) => value.split(',').map((each) => each.trim()))
    .transform((values) => values.filter((each) => each !== ''))
    .pipe(z.array(item));

const share = z
  .string()
  .transform((value) => (/^(?:\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN))
  .refine((value) => value >= 0 && value <= 1, 'must be a number from 0 to 1');

const header = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be printable ASCII without spaces');

/** A setting whose default depends on the mode. A value that is set applies in every mode. */
const byMode = <Output>(schema: z.ZodType<Output, string>) =>
  schema.transform((value): Record<AuthMode, Output> => ({ embedded: value, passthrough: value, service: value }));

/** Host of the real platform that issues access tokens. */
export const realImsUrl = 'https://ims-na1.adobelogin.com';

/**
 * Every environment variable that the gateway reads. The table in docs/configuration.md and the output of `--help` are generated
 * from this object, so each row contains the form, the default and the meaning of one variable.
 */
export const variables = z.object({
  PORT: variable(integer(0, 65_535), 4_000, 'Port to listen on; 0 takes any free port, which the ready line shows.'),
  HOST: variable(
    z.string().min(1),
    '127.0.0.1',
    'Address to listen on. Only loopback addresses are accepted in `embedded` mode.',
  ),
  ADMIN_PORT: optionalVariable(
    integer(0, 65_535),
    'none',
    'Port of its own for `/metrics`, `/healthz` and `/readyz`, which `PORT` then does not serve; 0 takes any free port, which the log shows. Without it, `PORT` serves them, to everyone who reaches it.',
  ),
  ADMIN_HOST: variable(z.string().min(1), '127.0.0.1', 'Address to listen on for `ADMIN_PORT`.'),
  PUBLIC_URL: optionalVariable(
    baseUrl,
    'the address it listens on; on `0.0.0.0` or `::` the `Host` of each request',
    'URL at which clients reach the gateway. Download links begin with it. Set it behind a router, or a proxy that ends TLS.',
  ),
  AEP_BASE_URL: optionalVariable(
    platformUrl,
    'the built-in emulator',
    'The platform, `https://platform.adobe.io` for the real one. `http` only in a private network.',
  ),
  AEP_IMS_URL: optionalVariable(
    platformUrl,
    `\`AEP_BASE_URL\` in \`embedded\` mode, else \`${realImsUrl}\``,
    'Host that issues access tokens. `http` only in a private network.',
  ),
  AUTH_MODE: optionalVariable(
    z.enum(authModes, 'must be embedded, passthrough or service'),
    '`embedded` without `AEP_BASE_URL`, else `passthrough`',
    '`embedded`: the platform is an emulator, and callers need no credential. `passthrough`: the caller’s own platform headers are sent to the platform. `service`: callers send a JWT, and the gateway has the platform credential.',
  ),
  AEP_ORG_ID: optionalVariable(
    z.string(),
    'the emulator’s, else none',
    'Organization of requests that name none; in `service` mode the only organization that is served.',
  ),
  AEP_SANDBOX: variable(z.string(), 'prod', 'Sandbox of requests that name none.'),
  AEP_API_KEY: optionalVariable(
    header,
    'none',
    'API key (`x-api-key`) of requests that have none. `passthrough` mode only.',
  ),
  AEP_CLIENT_ID: optionalVariable(
    header,
    'none',
    'Client id of the gateway’s own platform credential. `service` mode only.',
  ),
  AEP_CLIENT_SECRET: optionalVariable(header, 'none', 'Secret of `AEP_CLIENT_ID`. `service` mode only.'),
  AEP_SCOPES: variable(
    words,
    ['openid', 'AdobeID', 'read_organizations', 'additional_info.projectedProductContext'],
    'Scopes of the gateway’s own tokens, separated by commas. `service` mode only.',
  ),
  JWT_JWKS_URL: optionalVariable(
    keysUrl,
    'none',
    'Address at which the issuer of the callers’ tokens publishes its keys. `http` on loopback only. `service` mode only.',
  ),
  JWT_ISSUER: optionalVariable(z.string().min(1), 'none', 'The `iss` that tokens must have. `service` mode only.'),
  JWT_AUDIENCE: optionalVariable(z.string().min(1), 'none', 'The `aud` that tokens must have. `service` mode only.'),
  JWT_ORGANIZATION_CLAIM: variable(
    z.string().min(1),
    'organization',
    'Name or path of the claim with the organization id. `service` mode only.',
  ),
  JWT_SANDBOXES_CLAIM: variable(
    z.string().min(1),
    'sandboxes',
    'Name or path of the claim with the names of the sandboxes. `service` mode only.',
  ),
  JWT_SCOPES_CLAIM: variable(
    z.string().min(1),
    'scope',
    'Name or path of the claim with `exports:read`, `exports:write` and `exports:data`. `service` mode only.',
  ),
  UPSTREAM_TIMEOUT_MS: variable(integer(100, 60_000), 30_000, 'Deadline of one call to the platform, in milliseconds.'),
  UPSTREAM_CALLS_PER_SECOND: variable(
    integer(1, 1_000_000),
    4_000,
    'Sustained rate of platform calls per second, for each sandbox of an organization; lower after a 429.',
  ),
  REDIS_URL: optionalVariable(
    redisUrl,
    'none',
    'Redis 7 (`redis://` or `rediss://`) that all replicas share: event logs, poll leases and idempotency keys. Without it, replicas do not share anything.',
  ),
  POLL_MIN_MS: variable(
    integer(100, 600_000),
    2_000,
    'Shortest pause between two polls of the platform, in milliseconds. Not above `POLL_MAX_MS`.',
  ),
  POLL_MAX_MS: variable(
    integer(100, 3_600_000),
    30_000,
    'Longest pause between two polls of the platform, in milliseconds. In the middle of a long job, while all subscriptions of a sandbox name their jobs, up to five times as long.',
  ),
  AUTHORIZATION_LEASE_MS: variable(
    integer(1_000, 3_600_000),
    300_000,
    'Interval at which the credential of each subscriber is checked again, in milliseconds. Used in `passthrough` mode.',
  ),
  CONFIRM_STATE_MS: variable(
    integer(0, 3_600_000),
    0,
    'Interval at which live views emit their state again, in milliseconds, for routers that let late subscribers join a stream; 0 for never.',
  ),
  CORS_ORIGINS: variable(
    listOf(origin),
    [],
    'Origins of browser apps that may call (`https://app.example.com`), separated by commas. `*` is not accepted.',
  ),
  GRAPHIQL: variable(
    byMode(flag),
    { embedded: true, passthrough: false, service: false },
    'Serve GraphiQL to browsers at `/graphql`.',
  ),
  CONSOLE: variable(
    byMode(flag),
    { embedded: true, passthrough: false, service: false },
    'Serve the [console](console.md) to browsers at `/`.',
  ),
  INTROSPECTION: variable(
    byMode(flag),
    { embedded: true, passthrough: true, service: false },
    'Answer introspection queries, and suggest similar fields in messages about unknown fields.',
  ),
  TRUSTED_DOCUMENTS: optionalVariable(
    z.string().min(1),
    'none',
    'Path of a JSON file of documents by id. The gateway then executes no other documents. Without it, automatic persisted queries work.',
  ),
  MAX_OPERATION_TOKENS: variable(
    integer(100, 1_000_000),
    5_000,
    'Maximum number of tokens in a document, and of lines with comments.',
  ),
  MAX_OPERATION_DEPTH: variable(integer(1, 1_000), 20, 'Maximum depth of nested fields in an operation.'),
  MAX_OPERATION_ALIASES: variable(integer(0, 100_000), 100, 'Maximum number of aliases in an operation.'),
  MAX_OPERATION_DIRECTIVES: variable(integer(0, 100_000), 100, 'Maximum number of directives in an operation.'),
  MAX_OPERATION_CALLS: variable(
    integer(1, 1_000_000),
    1_000,
    'Maximum number of platform calls for one operation, or for one event of a subscription. Retries count; token requests do not.',
  ),
  RATE_LIMIT_PER_SECOND: variable(
    integer(0, 1_000_000),
    5_000,
    'Sustained rate of operations per second, for each caller; 0 for no limit.',
  ),
  RATE_LIMIT_BURST: variable(
    integer(1, 1_000_000),
    10_000,
    'Maximum number of operations that a caller may send at once after a pause.',
  ),
  MAX_SUBSCRIPTIONS_PER_SOCKET: variable(
    integer(1, 1_000_000),
    5_000,
    'Maximum number of concurrent operations on one WebSocket, or on one event stream of several operations.',
  ),
  MAX_SUBSCRIPTIONS_PER_CALLER: variable(
    integer(1, 1_000_000),
    10_000,
    'Maximum number of open subscriptions of a caller, over all transports together.',
  ),
  MAX_SUBSCRIPTIONS_PER_TENANT: variable(
    integer(1, 1_000_000),
    20_000,
    'Maximum number of open subscriptions of all callers of one sandbox together, on each replica.',
  ),
  MAX_SUBSCRIPTIONS: variable(
    integer(1, 1_000_000),
    30_000,
    'Maximum number of open subscriptions of a replica. A silent one takes about 12 KiB of memory over a WebSocket of its own, 34 KiB over an event stream of its own, and 76 KiB by callbacks.',
  ),
  SUBSCRIPTION_CALLBACK_URLS: variable(
    listOf(callbackUrl),
    [],
    'URLs at which federation routers may receive callbacks, separated by commas. The path of a callback must be the one given here, with at most one more segment. Without URLs, callbacks are disabled. `*.` matches the first labels of a name, `*` any address of `SUBSCRIPTION_CALLBACK_NETWORKS`.',
  ),
  SUBSCRIPTION_CALLBACK_NETWORKS: variable(
    listOf(network),
    [],
    'Blocks of private addresses (`10.0.0.0/8`) that the hosts of callback URLs may have, separated by commas.',
  ),
  SUBSCRIPTION_CALLBACK_CONCURRENCY: variable(
    integer(1, 1_024),
    64,
    'Maximum number of concurrent callbacks to one router. Each uses a connection. A router that requests a heartbeat interval of `h` and responds within `r` can have `1.5 × h / r` subscriptions per concurrent callback.',
  ),
  MAX_BODY_BYTES: variable(integer(1_024, 100_000_000), 1_000_000, 'Maximum size of a request body, in bytes.'),
  KEEP_ALIVE_TIMEOUT_MS: variable(
    integer(1_000, 3_600_000),
    75_000,
    'Maximum time for which a connection may be idle between two requests, in milliseconds. Keep it above the idle timeout of the load balancer in front, which is 60 seconds in most of them.',
  ),
  PING_INTERVAL_MS: variable(
    integer(1_000, 300_000),
    12_000,
    'Interval of the pings on WebSockets, event streams and multipart responses, in milliseconds. Keep it below the idle timeout of the proxies in front, which is 30 seconds in some of them. A client that does not answer a ping is disconnected with the next one.',
  ),
  DRAIN_MS: variable(
    integer(0, 600_000),
    10_000,
    'Maximum time for disconnecting clients and finishing requests at shutdown, in milliseconds.',
  ),
  DOWNLOAD_LINK_TTL_SECONDS: variable(integer(1, 86_400), 900, 'Lifetime of a download link, in seconds.'),
  DOWNLOAD_LINK_SECRET: optionalVariable(
    z.string().min(32, 'must have at least 32 characters'),
    'random at each start',
    'Encrypts download links; at least 32 characters. Set the same one on all replicas; without it, links end with a restart.',
  ),
  AUDIT_LOG: optionalVariable(
    z.string().min(1),
    'standard error',
    'Path of the file to which the audit log is appended: one line for each change that callers request. It can be rotated at any time.',
  ),
  LOG_LEVEL: variable(
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    'info',
    'Minimum level of log lines.',
  ),
  ACCESS_LOG: variable(
    share,
    1,
    'Share of the operations with a line in the log, from 0 to 1, at the level `info`. `0` turns these lines off. Above 0, every operation that has failed has one.',
  ),
  ...platformVariables,
});

/**
 * Known names, and prefixes that only the gateway uses. An unknown variable with such a prefix is a spelling mistake.
 */
export const variableNames = {
  // The last three configure the emulator's own process. They are known, because an operator may set them for both
  // programs.
  known: [...Object.keys(variables.shape), 'EMULATOR_HOST', 'EMULATOR_PORT', 'EMULATOR_ADMIN_TOKEN'],
  prefixes: ['AEP_', 'JWT_', 'POLL_', 'MAX_', 'EMULATOR_', 'SUBSCRIPTION_', 'DOWNLOAD_'],
} as const satisfies VariableNames;

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
