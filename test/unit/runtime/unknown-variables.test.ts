import { describe, expect, it } from 'vitest';
import { variableNames } from '../../../src/config/variables.ts';
import { probablyMisspelt } from '../../../src/runtime/unknown-variables.ts';

const messages = (env: Readonly<Record<string, string>>) => probablyMisspelt(env, variableNames);

describe('a variable without a prefix of the gateway', () => {
  it.each([
    ['PROT', 'PORT'],
    ['PORTS', 'PORT'],
    ['HOTS', 'HOST'],
    ['port', 'PORT'],
    ['REDIS_URI', 'REDIS_URL'],
    ['REDISURL', 'REDIS_URL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['GRAPHQL', 'GRAPHIQL'],
    ['INTROSPECTON', 'INTROSPECTION'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['AUTHMODE', 'AUTH_MODE'],
    ['PING_INTERVAL', 'PING_INTERVAL_MS'],
    ['KEEP_ALIVE_TIMEOUT', 'KEEP_ALIVE_TIMEOUT_MS'],
    ['KEEPALIVE_TIMEOUT_MS', 'KEEP_ALIVE_TIMEOUT_MS'],
    ['RATE_LIMIT_PER_SEC', 'RATE_LIMIT_PER_SECOND'],
    ['TRUSTED_DOCUMENT', 'TRUSTED_DOCUMENTS'],
    ['AUDITLOG', 'AUDIT_LOG'],
    ['UPSTREAM_TIMEOUT', 'UPSTREAM_TIMEOUT_MS'],
    ['ADMINPORT', 'ADMIN_PORT'],
    ['aep_base_url', 'AEP_BASE_URL'],
  ])('is reported as misspelt: %s', (name, similar) => {
    const [message = '', ...more] = messages({ [name]: 'planted-secret' });
    expect(more).toEqual([]);
    expect(message).toContain(`${name} is not a known variable`);
    expect(message).toContain(`did you mean ${similar}?`);
    expect(message).not.toContain('planted');
    expect(messages({ [name]: '' })).toEqual([]);
  });

  it('is not reported if it is known, belongs to another program, or is rejected because of its prefix', () => {
    const others = [
      ...[
        'PATH',
        'HOME',
        'HOSTNAME',
        'USER',
        'LANG',
        'PWD',
        'OLDPWD',
        'SHLVL',
        'TERM',
        'SHELL',
        'LOGNAME',
        'MAIL',
        '_',
      ],
      ...['NODE_ENV', 'NODE_OPTIONS', 'NODE_VERSION', 'YARN_VERSION', 'npm_config_cache', 'INIT_CWD', 'EDITOR', 'TZ'],
      ...['KUBERNETES_PORT', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT', 'REDIS_SERVICE_HOST', 'REDIS_PORT'],
      ...['OTEL_SERVICE_NAME', 'OTEL_TRACES_SAMPLER', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'CI', 'DISPLAY'],
      ...['POD_NAME', 'DATABASE_URL', 'DEBUG', 'COLUMNS', 'LINES', 'HTTP_PORT', 'SSL_CERT_FILE', 'XDG_RUNTIME_DIR'],
      ...['POLL_MIN', 'AEP_BASEURL', ...variableNames.known],
    ];
    expect(messages(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
    expect(messages({ REDIS_URL_SERVICE_HOST: '10.0.0.1', REDIS_UR_PORT: 'tcp://10.0.0.1:6379' })).toEqual([]);
  });
});
