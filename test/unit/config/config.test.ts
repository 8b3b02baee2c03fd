import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, loadConfig } from '../../../src/config/config.ts';
import { variables } from '../../../src/config/variables.ts';

/** Any character, lone surrogates included. */
const codeUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

const org = '0123456789ABCDEF01234567@AdobeOrg';
const issuesOf = (env: Record<string, string | undefined>): readonly string[] => {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.issues;
    throw error;
  }
  return [];
};
const named = (issues: readonly string[]) => issues.map((issue) => issue.split(' ', 1)[0]);

describe('the configuration', () => {
  it('uses the embedded mode on loopback for an empty environment', () => {
    expect(loadConfig({})).toEqual({
      server: {
        host: '127.0.0.1',
        port: 4000,
        publicUrl: null,
        corsOrigins: [],
        graphiql: true,
        console: true,
        introspection: true,
        maxBodyBytes: 1_000_000,
        keepAliveTimeoutMs: 75_000,
        pingIntervalMs: 12_000,
        drainMs: 10_000,
      },
      admin: null,
      platform: { kind: 'emulator', options: { profiles: 10_000, seed: 1, pace: 'real' } },
      upstream: { timeoutMs: 30_000, callsPerSecond: 4_000 },
      auth: {
        mode: 'embedded',
        defaultTenant: { org, sandbox: 'prod' },
        clientId: 'emulator',
        clientSecret: 'emulator',
      },
      limits: {
        operation: {
          maxTokens: 5_000,
          maxDepth: 20,
          maxAliases: 100,
          maxDirectives: 100,
          maxUpstreamCalls: 1_000,
        },
        rate: { perSecond: 5_000, burst: 10_000 },
        subscriptions: { perSocket: 5_000, perCaller: 10_000, perTenant: 20_000, total: 30_000 },
      },
      trustedDocuments: null,
      polling: { minMs: 2_000, maxMs: 30_000, authorizationLeaseMs: 300_000, confirmStateMs: null },
      callbacks: { urls: [], networks: [], maxInFlightPerRouter: 64 },
      redisUrl: null,
      downloads: { linkTtlMs: 900_000, secret: null },
      logLevel: 'info',
      accessLog: 1,
      auditLog: null,
    });
  });

  it('uses passthrough mode with a platform, without GraphiQL, and requests tokens from the real host', () => {
    const config = loadConfig({ AEP_BASE_URL: 'https://platform.adobe.io/', AEP_ORG_ID: org, AEP_API_KEY: 'key' });
    expect(config.platform).toEqual({
      kind: 'remote',
      baseUrl: 'https://platform.adobe.io',
      imsUrl: 'https://ims-na1.adobelogin.com',
    });
    expect(config.auth).toEqual({
      mode: 'passthrough',
      defaultOrg: org,
      defaultSandbox: 'prod',
      defaultApiKey: 'key',
    });
    expect(config.server.graphiql).toBe(false);
  });

  it('requests tokens from an emulator on loopback as well', () => {
    const config = loadConfig({ AUTH_MODE: 'embedded', AEP_BASE_URL: 'http://127.0.0.1:4010' });
    expect(config.platform).toMatchObject({ kind: 'remote', imsUrl: 'http://127.0.0.1:4010' });
  });

  it('treats an empty variable as not set', () => {
    const empty = Object.fromEntries(Object.keys(variables.shape).map((name) => [name, '']));
    expect(loadConfig(empty)).toEqual(loadConfig({}));
  });

  it('accepts all settings', () => {
    const config = loadConfig({
      PORT: '0',
      HOST: '::1',
      ADMIN_PORT: '9000',
      ADMIN_HOST: '::',
      PUBLIC_URL: 'https://exports.example.com/aep/',
      AEP_SANDBOX: 'dev',
      UPSTREAM_TIMEOUT_MS: '500',
      UPSTREAM_CALLS_PER_SECOND: '9',
      POLL_MIN_MS: '100',
      POLL_MAX_MS: '200',
      AUTHORIZATION_LEASE_MS: '1000',
      CONFIRM_STATE_MS: '15000',
      CORS_ORIGINS: 'https://a.example, http://b.example:8080 ,',
      GRAPHIQL: '0',
      CONSOLE: '0',
      INTROSPECTION: 'false',
      MAX_BODY_BYTES: '2048',
      PING_INTERVAL_MS: '1000',
      DRAIN_MS: '0',
      TRUSTED_DOCUMENTS: 'documents.json',
      MAX_OPERATION_TOKENS: '1000',
      MAX_OPERATION_DEPTH: '2',
      MAX_OPERATION_ALIASES: '3',
      MAX_OPERATION_DIRECTIVES: '4',
      MAX_OPERATION_CALLS: '5',
      RATE_LIMIT_PER_SECOND: '0',
      RATE_LIMIT_BURST: '6',
      MAX_SUBSCRIPTIONS_PER_SOCKET: '7',
      MAX_SUBSCRIPTIONS_PER_CALLER: '8',
      MAX_SUBSCRIPTIONS_PER_TENANT: '9',
      MAX_SUBSCRIPTIONS: '10',
      DOWNLOAD_LINK_TTL_SECONDS: '60',
      DOWNLOAD_LINK_SECRET: 's'.repeat(32),
      SUBSCRIPTION_CALLBACK_URLS: 'https://router.example.com/callback, http://*.router.svc:4000,http://*:4000 ,',
      SUBSCRIPTION_CALLBACK_NETWORKS: '10.0.0.0/8, fd00::/8',
      SUBSCRIPTION_CALLBACK_CONCURRENCY: '2',
      REDIS_URL: 'rediss://user:p%40ss@redis.example.com:6380/2',
      LOG_LEVEL: 'silent',
      ACCESS_LOG: '0.05',
      AUDIT_LOG: '/var/log/aep/audit.log',
      EMULATOR_PROFILES: '5',
      EMULATOR_DIR: '/tmp/emulator',
      EMULATOR_RANDOM_SEED: '7',
      EMULATOR_PACE: 'fast',
      EMULATOR_CLOCK: 'x60',
      EMULATOR_QUIRKS: 'cancelReply=json',
    });
    expect(config).toMatchObject({
      server: {
        host: '::1',
        port: 0,
        publicUrl: 'https://exports.example.com/aep',
        corsOrigins: ['https://a.example', 'http://b.example:8080'],
        graphiql: false,
        console: false,
        introspection: false,
        maxBodyBytes: 2_048,
        pingIntervalMs: 1_000,
        drainMs: 0,
      },
      admin: { host: '::', port: 9_000 },
      platform: {
        kind: 'emulator',
        options: {
          ...{ profiles: 5, directory: '/tmp/emulator', seed: 7, pace: 'fast' },
          ...{ time: { rate: 60 }, quirks: { cancelReply: 'json' } },
        },
      },
      upstream: { timeoutMs: 500, callsPerSecond: 9 },
      auth: { defaultTenant: { org, sandbox: 'dev' } },
      limits: {
        operation: { maxTokens: 1_000, maxDepth: 2, maxAliases: 3, maxDirectives: 4, maxUpstreamCalls: 5 },
        rate: { perSecond: 0, burst: 6 },
        subscriptions: { perSocket: 7, perCaller: 8, perTenant: 9, total: 10 },
      },
      trustedDocuments: 'documents.json',
      polling: { minMs: 100, maxMs: 200, authorizationLeaseMs: 1_000, confirmStateMs: 15_000 },
      callbacks: {
        urls: ['https://router.example.com/callback', 'http://*.router.svc:4000', 'http://*:4000'],
        maxInFlightPerRouter: 2,
        networks: [
          { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
          { address: 'fd00::', prefix: 8, family: 'ipv6' },
        ],
      },
      redisUrl: 'rediss://user:p%40ss@redis.example.com:6380/2',
      downloads: { linkTtlMs: 60_000, secret: 's'.repeat(32) },
      logLevel: 'silent',
      accessLog: 0.05,
      auditLog: '/var/log/aep/audit.log',
    });
  });

  it.each([{ POLL_MIN_MS: '30001' }, { POLL_MAX_MS: '1999' }, { POLL_MIN_MS: '5000', POLL_MAX_MS: '4999' }])(
    'rejects the pauses %j, because the minimum exceeds the maximum',
    (pauses) => {
      const [issue = '', ...more] = issuesOf(pauses);
      expect(more).toEqual([]);
      expect(issue).toMatch(/POLL_MIN_MS.*POLL_MAX_MS/);
    },
  );

  it('rejects the same address for clients and for operators', () => {
    expect(issuesOf({ PORT: '4000', ADMIN_PORT: '4000' })).toEqual([expect.stringMatching(/^ADMIN_PORT .*PORT/)]);
    expect(issuesOf({ ADMIN_PORT: '4000' })).toHaveLength(1);
    expect(issuesOf({ PORT: '0', ADMIN_PORT: '0' })).toEqual([]);
    expect(issuesOf({ ADMIN_PORT: '4000', ADMIN_HOST: '::1' })).toEqual([]);
    expect(named(issuesOf({ PORT: 'x', ADMIN_PORT: '4000' }))).toEqual(['PORT']);
  });

  it.each([{ POLL_MIN_MS: '30000' }, { POLL_MAX_MS: '2000' }, { POLL_MIN_MS: '5000', POLL_MAX_MS: '5000' }])(
    'accepts the pauses %j',
    (pauses) => {
      expect(issuesOf(pauses)).toEqual([]);
    },
  );

  it.each([
    ['AEP_CLIENTID', 'AEP_CLIENT_ID'],
    ['AEP_NOTHING_LIKE_THIS', null],
    ['JWT_ISUER', 'JWT_ISSUER'],
    ['JWT_SCOPE_CLAIM', 'JWT_SCOPES_CLAIM'],
    ['POLL_MIN', 'POLL_MIN_MS'],
    ['MAX_OPERATION_ALIAS', 'MAX_OPERATION_ALIASES'],
    ['MAX_SUBSCRIPTION', 'MAX_SUBSCRIPTIONS'],
    ['EMULATOR_DIRECTORY', 'EMULATOR_DIR'],
    ['SUBSCRIPTION_CALLBACK_URL', 'SUBSCRIPTION_CALLBACK_URLS'],
    ['DOWNLOAD_LINK_TTL', 'DOWNLOAD_LINK_TTL_SECONDS'],
    ['DOWNLOAD_SECRET', 'DOWNLOAD_LINK_SECRET'],
  ])('rejects the unknown variable %s and suggests %s', (name, similar) => {
    const issues = issuesOf({ [name]: 'planted-secret', PORT: 'x' });
    expect(named(issues)).toEqual([name, 'PORT']);
    expect(issues[0]).toContain(similar === null ? '--help' : `did you mean ${similar}?`);
    expect(issues.join()).not.toContain('planted');
    expect(issuesOf({ [name]: '' })).toEqual([]);
  });

  it('ignores other names: of other programs, of the emulator’s process, and of services of Kubernetes', () => {
    const others = {
      PROT: '4999',
      PATH: '/bin',
      aep_base_url: 'x',
      MY_AEP_ORG: 'x',
      EMULATOR_HOST: '0.0.0.0',
      EMULATOR_PORT: '4010',
      EMULATOR_ADMIN_TOKEN: 'of-the-other-process',
      AEP_EXPORT_GATEWAY_SERVICE_HOST: '10.0.0.1',
      AEP_EXPORT_GATEWAY_SERVICE_PORT: '4000',
      AEP_EXPORT_GATEWAY_SERVICE_PORT_HTTP: '4000',
      AEP_EXPORT_GATEWAY_PORT: 'tcp://10.0.0.1:4000',
      AEP_EXPORT_GATEWAY_PORT_4000_TCP: 'tcp://10.0.0.1:4000',
      AEP_EXPORT_GATEWAY_PORT_4000_TCP_PROTO: 'tcp',
      AEP_EXPORT_GATEWAY_PORT_4000_TCP_PORT: '4000',
      AEP_EXPORT_GATEWAY_PORT_4000_TCP_ADDR: '10.0.0.1',
    };
    expect(loadConfig(others)).toEqual(loadConfig({}));
    expect(named(issuesOf({ AEP_EXPORT_GATEWAY_PORT: '4000' }))).toEqual(['AEP_EXPORT_GATEWAY_PORT']);
  });

  const remote = { AEP_BASE_URL: 'https://platform.adobe.io' };
  it.each([
    ['JWT_JWKS_URL', 'https://issuer.example/keys', 'service'],
    ['JWT_ISSUER', 'x', 'service'],
    ['JWT_AUDIENCE', 'x', 'service'],
    ['JWT_ORGANIZATION_CLAIM', 'x', 'service'],
    ['JWT_SANDBOXES_CLAIM', 'x', 'service'],
    ['JWT_SCOPES_CLAIM', 'x', 'service'],
    ['AEP_CLIENT_ID', 'x', 'service'],
    ['AEP_CLIENT_SECRET', 'planted', 'service'],
    ['AEP_SCOPES', 'openid', 'service'],
    ['AEP_API_KEY', 'planted', 'passthrough'],
  ])('rejects %s in another mode, and names the right mode', (name, value, mode) => {
    const others = [{}, remote, { ...remote, AUTH_MODE: 'passthrough' }].slice(0, mode === 'service' ? 3 : 1);
    for (const env of others) {
      const issues = issuesOf({ ...env, [name]: value });
      expect(named(issues)).toEqual([name]);
      expect(issues[0]).toContain(`AUTH_MODE=${mode}`);
      expect(issues.join()).not.toContain('planted');
    }
    // Consequences of an unknown mode are not reported.
    expect(named(issuesOf({ AUTH_MODE: 'nonsense', [name]: value }))).toEqual(['AUTH_MODE']);
  });

  it('rejects a token host for the built-in emulator, which issues its own tokens', () => {
    const [issue = '', ...more] = issuesOf({ AEP_IMS_URL: 'http://127.0.0.1:1' });
    expect(more).toEqual([]);
    expect(issue).toMatch(/^AEP_IMS_URL .*AEP_BASE_URL/);
  });

  it.each(['AEP_BASE_URL', 'AEP_IMS_URL', 'JWT_JWKS_URL'])('rejects http to a public host in %s', (name) => {
    const complete = {
      ...remote,
      AUTH_MODE: 'service',
      AEP_CLIENT_ID: 'x',
      AEP_CLIENT_SECRET: 'x',
      JWT_JWKS_URL: 'https://issuer.example/keys',
      JWT_ISSUER: 'x',
      JWT_AUDIENCE: 'x',
    };
    const publicHosts = [
      'platform.adobe.io',
      '93.184.215.14',
      '[2606:2800::1]',
      '127.0.0.1.example.com',
      'local.example',
    ];
    const privateHosts = ['platform', 'emulator.default.svc', 'proxy.internal', '10.0.0.1', '172.20.1.1', '[fd00::1]'];
    // Keys are public, but must not be replaced, so a private network does not protect them enough.
    const hosts = name === 'JWT_JWKS_URL' ? [...publicHosts, ...privateHosts] : publicHosts;
    if (name !== 'JWT_JWKS_URL') {
      for (const host of privateHosts) expect(issuesOf({ ...complete, [name]: `http://${host}/x` })).toEqual([]);
    }
    for (const host of hosts) {
      const issues = issuesOf({ ...complete, [name]: `http://${host}/x` });
      expect(named(issues)).toEqual([name]);
      expect(issues[0]).toContain('https');
    }
    for (const host of ['127.0.0.1:1', 'localhost', '[::1]:1']) {
      expect(issuesOf({ ...complete, [name]: `http://${host}/x` })).toEqual([]);
    }
  });

  it.each([
    'http://*',
    'https://*:4000/callback',
    'https://router.example.com/callback,http://*:4000',
    'http://router.ns.svc.cluster.local:4000/callback',
    'http://*.internal',
  ])('rejects the callback URLs %s without networks, because no URL matches', (urls) => {
    const [issue = '', ...more] = issuesOf({ SUBSCRIPTION_CALLBACK_URLS: urls });
    expect(more).toEqual([]);
    expect(issue).toMatch(/^SUBSCRIPTION_CALLBACK_URLS .*SUBSCRIPTION_CALLBACK_NETWORKS/);
    expect(issuesOf({ SUBSCRIPTION_CALLBACK_URLS: urls, SUBSCRIPTION_CALLBACK_NETWORKS: '10.0.0.0/8' })).toEqual([]);
    expect(named(issuesOf({ SUBSCRIPTION_CALLBACK_URLS: urls, SUBSCRIPTION_CALLBACK_NETWORKS: 'x' }))).toEqual([
      'SUBSCRIPTION_CALLBACK_NETWORKS',
    ]);
  });

  it('rejects networks of callbacks without URLs', () => {
    const [issue = '', ...more] = issuesOf({ SUBSCRIPTION_CALLBACK_NETWORKS: '10.0.0.0/8' });
    expect(more).toEqual([]);
    expect(issue).toMatch(/^SUBSCRIPTION_CALLBACK_NETWORKS .*SUBSCRIPTION_CALLBACK_URLS/);
  });

  it.each(['*', 'https://a.example/'])('describes the accepted form for the origin %s', (origins) => {
    expect(issuesOf({ CORS_ORIGINS: `https://b.example,${origins},${origins}` })).toEqual([
      'CORS_ORIGINS must be origins like https://app.example.com, without a slash at the end and without *, separated by commas',
    ]);
  });

  it.each(['abc', '-1', '65536', '1e3', '4000.5', ' 1', '99999999999999999999'])(
    'describes the valid numbers for the port %j',
    (port) => {
      expect(issuesOf({ PORT: port })).toEqual(['PORT must be a whole number from 0 to 65535']);
    },
  );

  it('accepts ping intervals from one second to five minutes', () => {
    const outside = ['PING_INTERVAL_MS must be a whole number from 1000 to 300000'];
    expect(issuesOf({ PING_INTERVAL_MS: '999' })).toEqual(outside);
    expect(issuesOf({ PING_INTERVAL_MS: '1000' })).toEqual([]);
    expect(issuesOf({ PING_INTERVAL_MS: '300000' })).toEqual([]);
    expect(issuesOf({ PING_INTERVAL_MS: '300001' })).toEqual(outside);
  });

  it('names every wrong variable at once', () => {
    const issues = issuesOf({
      PORT: '65536',
      HOST: '0.0.0.0',
      PUBLIC_URL: 'ftp://host',
      AEP_BASE_URL: 'nonsense',
      AEP_SANDBOX: 'Not A Sandbox',
      UPSTREAM_TIMEOUT_MS: '1.5',
      POLL_MIN_MS: '5000',
      POLL_MAX_MS: '4000',
      CORS_ORIGINS: 'https://a.example/path',
      GRAPHIQL: 'yes',
      DOWNLOAD_LINK_SECRET: 'short',
      LOG_LEVEL: 'loud',
      ACCESS_LOG: '2',
      EMULATOR_PROFILES: '-1',
    });
    expect(new Set(named(issues))).toEqual(
      new Set([
        'PORT',
        'PUBLIC_URL',
        'AEP_BASE_URL',
        'AEP_SANDBOX',
        'UPSTREAM_TIMEOUT_MS',
        'POLL_MIN_MS',
        'CORS_ORIGINS',
        'GRAPHIQL',
        'DOWNLOAD_LINK_SECRET',
        'LOG_LEVEL',
        'ACCESS_LOG',
        'EMULATOR_PROFILES',
      ]),
    );
  });

  it('reads the variables of the built-in emulator like the emulator itself', () => {
    const wrong = { EMULATOR_PACE: 'quick', EMULATOR_CLOCK: 'noon', EMULATOR_QUIRKS: 'cancelReply=xml' };
    expect(new Set(named(issuesOf(wrong)))).toEqual(new Set(Object.keys(wrong)));
    const both = { EMULATOR_SEED: 'seed', EMULATOR_PROFILES: '5' };
    expect(issuesOf(both)).toEqual([expect.stringContaining('EMULATOR_PROFILES has no effect with EMULATOR_SEED')]);
    expect(issuesOf({ ...both, AEP_BASE_URL: 'https://platform.adobe.io' })).toEqual([]);
    expect(loadConfig({ EMULATOR_SEED: '/seed' }).platform).toEqual({
      kind: 'emulator',
      options: { seedFolder: '/seed', profiles: 10_000, seed: 1, pace: 'real' },
    });
  });

  it('names the invalid organization or sandbox, with its rule', () => {
    const sandboxRule = 'must be up to 256 lower-case letters, digits and hyphens, and not begin with a hyphen';
    const orgRule = 'must be up to 64 letters and digits, followed by @AdobeOrg';
    expect(issuesOf({ AEP_SANDBOX: 'PROD' })).toEqual([`AEP_SANDBOX ${sandboxRule}`]);
    expect(issuesOf({ AEP_ORG_ID: 'acme', AEP_SANDBOX: '-a' })).toEqual([
      `AEP_ORG_ID ${orgRule}`,
      `AEP_SANDBOX ${sandboxRule}`,
    ]);
  });

  it('reports only the problem of a wrong variable, without its consequences', () => {
    expect(named(issuesOf({ AUTH_MODE: 'passthrough', AEP_BASE_URL: 'nonsense' }))).toEqual(['AEP_BASE_URL']);
    expect(named(issuesOf({ AUTH_MODE: 'embeded', HOST: '0.0.0.0' }))).toEqual(['AUTH_MODE']);
    expect(named(issuesOf({ POLL_MIN_MS: '99999', POLL_MAX_MS: 'x' }))).toEqual(['POLL_MAX_MS']);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.0.0.1.example.com'])(
    'rejects %s as a listening address in the mode without credentials',
    (host) => {
      expect(named(issuesOf({ HOST: host }))).toEqual(['HOST']);
      expect(issuesOf({ HOST: host, AEP_BASE_URL: 'https://platform.adobe.io' })).toEqual([]);
    },
  );

  it('rejects a platform outside of loopback in embedded mode', () => {
    expect(named(issuesOf({ AUTH_MODE: 'embedded', AEP_BASE_URL: 'https://platform.adobe.io' }))).toEqual([
      'AEP_BASE_URL',
    ]);
    const elsewhere = { AEP_BASE_URL: 'http://127.0.0.1:1', AEP_IMS_URL: 'https://ims.example.com' };
    expect(named(issuesOf({ AUTH_MODE: 'embedded', ...elsewhere }))).toEqual(['AEP_IMS_URL']);
  });

  it('requires a platform in passthrough mode', () => {
    expect(named(issuesOf({ AUTH_MODE: 'passthrough' }))).toEqual(['AEP_BASE_URL']);
  });

  it.each([
    'http://user@host',
    'http://user:secret@host',
    'http://:secret@host',
    'http://host/?key=secret',
    'http://host/#x',
  ])('rejects the base URL %s', (url) => {
    const issues = issuesOf({ AEP_BASE_URL: url });
    expect(named(issues)).toEqual(['AEP_BASE_URL']);
    expect(issues.join()).not.toContain('secret');
  });

  it.each([
    'http://:secret@host',
    'redis://:secret@',
    'redis://:secret@host/secret',
    'redis://:secret@host?key=secret',
    'redis://:secret%@host',
  ])('rejects %s for Redis', (url) => {
    const issues = issuesOf({ REDIS_URL: url });
    expect(named(issues)).toEqual(['REDIS_URL']);
    expect(issues.join()).not.toContain('secret');
  });

  it.each([
    'router.example.com',
    'ftp://router.example.com',
    'https://user:secret@router.example.com',
    'https://router.example.com/?secret',
    'https://router.example.com/#secret',
    'https://router*.example.com',
    'https://*example.com',
    'https://*.*.example.com',
    'https://router.example.com/callback/*',
    'https://router.example.com/a%2Fb',
    'https://router.example.com/a%5cb',
    'https://router.example.com, secret',
  ])('rejects %s for callbacks', (urls) => {
    const issues = issuesOf({ SUBSCRIPTION_CALLBACK_URLS: urls });
    expect(named(issues)).toEqual(['SUBSCRIPTION_CALLBACK_URLS']);
    expect(issues.join()).not.toContain('secret');
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'router.example.com/8', '10.0.0.0/8,x'])(
    'rejects the network %s for callbacks',
    (networks) => {
      expect(named(issuesOf({ SUBSCRIPTION_CALLBACK_NETWORKS: networks }))).toEqual(['SUBSCRIPTION_CALLBACK_NETWORKS']);
    },
  );

  it('never repeats a value in an error', () => {
    const value = 'Se cret\n';
    const env = Object.fromEntries(Object.keys(variables.shape).map((name) => [name, value]));
    const issues = issuesOf(env);
    expect(issues.length).toBeGreaterThan(10);
    expect(issues.join()).not.toContain('cret');
    expect(new ConfigurationError(issues).message).not.toContain('cret');
  });

  describe('of the service mode', () => {
    const complete = {
      AUTH_MODE: 'service',
      AEP_BASE_URL: 'https://platform.adobe.io',
      AEP_CLIENT_ID: 'client',
      AEP_CLIENT_SECRET: 'planted-secret',
      JWT_JWKS_URL: 'https://issuer.example/keys?policy=a',
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'exports',
    };

    it('is complete with a platform, a credential, and an issuer, may listen anywhere, and disables introspection', () => {
      const config = loadConfig({ ...complete, HOST: '0.0.0.0' });
      expect(config.auth).toEqual({
        mode: 'service',
        onlyOrg: null,
        defaultSandbox: 'prod',
        clientId: 'client',
        clientSecret: 'planted-secret',
        scopes: ['openid', 'AdobeID', 'read_organizations', 'additional_info.projectedProductContext'],
        jwt: {
          jwksUrl: 'https://issuer.example/keys?policy=a',
          issuer: 'https://issuer.example',
          audience: 'exports',
          claims: { organization: 'organization', sandboxes: 'sandboxes', scopes: 'scope' },
        },
      });
      expect(config.server).toMatchObject({ introspection: false, graphiql: false, console: false });
      expect(loadConfig({ ...complete, INTROSPECTION: 'true' }).server.introspection).toBe(true);
    });

    it('accepts the names of the claims, one organization, and the scopes of its own tokens', () => {
      const { auth } = loadConfig({
        ...complete,
        AEP_ORG_ID: org,
        AEP_SCOPES: 'openid, AdobeID',
        JWT_ORGANIZATION_CLAIM: 'org',
        JWT_SANDBOXES_CLAIM: 'https://example.com/sandboxes',
        JWT_SCOPES_CLAIM: 'scp',
      });
      expect(auth).toMatchObject({
        onlyOrg: org,
        scopes: ['openid', 'AdobeID'],
        jwt: { claims: { organization: 'org', sandboxes: 'https://example.com/sandboxes', scopes: 'scp' } },
      });
    });

    it('names all missing variables at once', () => {
      expect(named(issuesOf({ AUTH_MODE: 'service' }))).toEqual(Object.keys(complete).slice(1));
    });

    it.each([
      ['AEP_CLIENT_SECRET', 'two planted words'],
      ['AEP_SCOPES', ' , '],
      ['JWT_JWKS_URL', 'http://issuer.example/keys'],
      ['JWT_JWKS_URL', 'https://user:planted@issuer.example/keys'],
      ['JWT_JWKS_URL', 'keys'],
    ])('rejects %s of %j without repeating it', (name, value) => {
      const issues = issuesOf({ ...complete, [name]: value });
      expect(named(issues)).toEqual([name]);
      expect(issues.join()).not.toContain('planted');
    });

    it('reads keys without TLS only from this machine', () => {
      expect(issuesOf({ ...complete, JWT_JWKS_URL: 'http://127.0.0.1:8080/keys' })).toEqual([]);
    });
  });

  it('throws only ConfigurationError, whatever the environment contains', () => {
    const names = Object.keys(variables.shape);
    const value = fc.oneof(
      fc.string({ unit: codeUnit, maxLength: 20 }),
      fc.constantFrom(
        'embedded',
        'passthrough',
        'service',
        '0',
        '1',
        '100',
        'http://[',
        'http://127.0.0.1',
        '127.0.0.1',
        '::',
      ),
      fc.constantFrom(
        'https://host.example/path/',
        'http://user@host',
        'http://host/?x',
        'ftp://host',
        'https://xn--0',
      ),
      fc.integer().map(String),
    );
    const env = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.option(value, { nil: undefined }));
    fc.assert(
      fc.property(env, (each) => {
        const issues = issuesOf(each);
        expect(named(issues).filter((name) => !names.includes(name ?? ''))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
