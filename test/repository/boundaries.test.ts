import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { importCircles, type Rules, violations } from './boundaries.ts';
import { scanModule } from './source-scan.ts';

/** The import table. A layer that a row does not list must not be imported there. */
const rules: Rules = {
  layers: [
    {
      area: 'src/cli.ts',
      values: ['src/main.ts', 'src/emulator/main.ts', 'src/runtime/'],
      types: [],
      reason: 'the command of the package starts one of the two programs',
    },
    {
      area: 'src/main.ts',
      values: ['src/app.ts', 'src/config/config.ts', 'src/config/usage.ts', 'src/runtime/', 'src/emulator/emulator.ts'],
      types: [],
      reason: 'the entry reads environment and signals, starts app and emulator, and knows nothing else of either',
    },
    {
      area: 'src/app.ts',
      values: [
        'src/config/config.ts',
        'src/errors.ts',
        'src/metrics/index.ts',
        'src/redis-services.ts',
        'src/server/',
        'src/audit/',
        'src/auth/',
        'src/context/',
        'src/observation/',
        'src/schema/index.ts',
        'src/upstream/',
        'src/polling/',
        'src/runs/',
        'src/runtime/',
        'src/tracing/',
      ],
      types: [],
      reason: 'the composition root assembles the gateway and reaches the emulator only by URL',
    },
    {
      area: 'src/redis-services.ts',
      values: ['src/context/', 'src/polling/', 'src/runs/', 'src/runtime/'],
      types: [],
      reason: 'the composition root loads it only if there is a Redis, and passes its parts to the gateway',
    },
    {
      area: 'src/config/variables.ts',
      values: ['src/domain/auth-mode.ts', 'src/emulator/variables.ts', 'src/runtime/'],
      types: [],
      reason: 'the form of a variable does not depend on its use',
    },
    {
      area: 'src/config/usage.ts',
      values: ['src/config/variables.ts', 'src/runtime/'],
      types: [],
      reason: 'the text about variables is derived from the variables alone',
    },
    {
      area: 'src/config/contradictions.ts',
      values: ['src/config/variables.ts', 'src/emulator/variables.ts', 'src/runtime/'],
      types: ['src/domain/auth-mode.ts'],
      reason: 'variables are compared as read, before a configuration is made from them',
    },
    {
      area: 'src/config/config.ts',
      values: [
        'src/config/contradictions.ts',
        'src/config/variables.ts',
        'src/emulator/variables.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: ['src/emulator/options.ts'],
      reason: 'the configuration does not depend on the parts built from it',
    },
    {
      area: 'src/errors.ts',
      values: [],
      types: [],
      reason: 'the error vocabulary is below everything that throws',
    },
    {
      area: 'src/metrics/',
      values: [],
      types: [
        'src/upstream/types.ts',
        'src/server/graphql/error-codes.ts',
        'src/server/transports/callbacks/types.ts',
        'src/events/log.ts',
      ],
      reason: 'it counts the reports of other modules and knows only their form; only app.ts imports its values',
    },
    {
      area: 'src/observation/',
      values: ['src/runtime/'],
      types: ['src/auth/authenticator.ts', 'src/metrics/', 'src/tracing/', 'src/upstream/types.ts'],
      reason: 'what is known about an operation is collected here, whichever part finds it out',
    },
    {
      area: 'src/tracing/',
      values: [],
      types: [],
      reason: 'spans contain only values that their callers pass, and no tenants, callers or variables',
    },
    {
      area: 'src/audit/',
      values: ['src/config/config.ts', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/upstream/types.ts', 'src/metrics/'],
      reason: 'the audit log records the reports of writes, and sends nothing',
    },
    {
      area: 'src/execution/',
      values: [],
      types: [],
      reason: 'the executor knows only GraphQL',
    },
    {
      area: 'src/server/connections/',
      values: ['src/runtime/'],
      types: ['src/metrics/operations.ts'],
      reason: 'connections are counted and closed independently of what they carry',
    },
    {
      area: 'src/server/graphql/',
      values: ['src/execution/execute.ts', 'src/config/config.ts', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/context/', 'src/metrics/operations.ts', 'src/observation/', 'src/tracing/'],
      reason: 'the pipeline is the same for every transport, so that it knows none of them',
    },
    {
      area: 'src/server/sharing/',
      values: [
        'src/server/graphql/',
        'src/execution/execute.ts',
        'src/execution/result-data.ts',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
        'src/tracing/',
      ],
      types: ['src/context/', 'src/metrics/'],
      reason: 'subscriptions of all transports share executions, so that sharing knows no transport',
    },
    {
      area: 'src/server/http/',
      values: ['src/server/connections/', 'src/server/graphql/error-mask.ts', 'src/runtime/'],
      types: ['src/tracing/'],
      reason: 'the HTTP server passes each path to a handler, and knows neither operations nor downloads',
    },
    {
      area: 'src/server/downloads/',
      values: [
        'src/server/connections/',
        'src/server/http/',
        'src/server/graphql/error-mask.ts',
        'src/context/rate-limiter.ts',
        'src/parquet/',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: ['src/context/', 'src/metrics/', 'src/tracing/'],
      reason: 'a download executes no operation, and receives the file from a source that the composition root passes',
    },
    {
      area: 'src/server/console/',
      values: ['src/server/downloads/preconditions.ts', 'src/runtime/list-elements.ts'],
      types: [],
      reason: 'the console is a list of files, which knows nothing of the operations that its page sends',
    },
    {
      area: 'src/console/',
      values: [],
      types: [],
      reason: 'the console runs in browsers and knows the gateway only through its public schema',
    },
    {
      area: 'src/server/transports/',
      values: [
        'src/server/connections/',
        'src/server/graphql/',
        'src/server/http/',
        'src/server/sharing/',
        'src/auth/caller-headers.ts',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: [
        'src/auth/authenticator.ts',
        'src/config/config.ts',
        'src/context/',
        'src/metrics/callbacks.ts',
        'src/metrics/operations.ts',
        'src/observation/',
        'src/tracing/',
      ],
      reason:
        'a transport receives its dependencies, and sees neither the platform nor the poller, not even their types',
    },
    {
      area: 'src/auth/',
      values: ['src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/config/config.ts', 'src/upstream/caller.ts', 'src/metrics/'],
      reason: 'a caller is known before its context exists, and its token is checked without a call to the platform',
    },
    {
      area: 'src/context/',
      values: [
        'src/loaders/index.ts',
        'src/audit/',
        'src/parquet/',
        'src/config/config.ts',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: [
        'src/auth/',
        'src/observation/',
        'src/upstream/',
        'src/polling/watches.ts',
        'src/runs/',
        'src/metrics/',
        'src/tracing/',
      ],
      reason: 'the context of an operation consists of parts that the composition root has built',
    },
    {
      area: 'src/schema/',
      values: ['src/config/config.ts', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: [
        'src/auth/authenticator.ts',
        'src/context/',
        'src/loaders/',
        'src/upstream/',
        'src/parquet/',
        'src/polling/watches.ts',
        'src/events/',
        'src/runs/',
      ],
      reason: 'resolvers use only their context, so that a test can replace it',
    },
    {
      area: 'src/loaders/',
      values: ['src/upstream/', 'src/config/config.ts', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/runs/'],
      reason: 'loaders build on the platform clients and do not depend on GraphQL',
    },
    {
      area: 'src/loaders/lists/',
      values: [
        'src/loaders/pagination/',
        'src/upstream/apis/catalog-page.ts',
        'src/upstream/apis/catalog-query.ts',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: ['src/upstream/apis/'],
      reason: 'a list states what the platform can filter and how it pages, and shares nothing with another list',
    },
    {
      area: 'src/loaders/pagination/',
      values: [
        'src/upstream/apis/catalog-page.ts',
        'src/upstream/apis/list-order.ts',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: [],
      reason: 'the forms of paging know no list',
    },
    {
      area: 'src/upstream/',
      values: ['src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/metrics/', 'src/tracing/'],
      reason: 'the platform clients are the lowest layer of the gateway',
    },
    {
      area: 'src/upstream/apis/',
      values: [
        'src/upstream/creates/',
        'src/upstream/http/',
        'src/upstream/wire/',
        'src/errors.ts',
        'src/domain/',
        'src/runtime/',
      ],
      types: ['src/upstream/types.ts', 'src/metrics/'],
      reason: 'a client describes its calls, and neither sends them nor knows the credential',
    },
    {
      area: 'src/upstream/creates/',
      values: ['src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/upstream/http/', 'src/upstream/types.ts', 'src/metrics/'],
      reason: 'the rules for lost creates are the same for every API',
    },
    {
      area: 'src/upstream/credentials/',
      values: ['src/upstream/http/', 'src/upstream/wire/', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/upstream/caller.ts', 'src/upstream/platform-api.ts', 'src/metrics/', 'src/tracing/'],
      reason: 'a credential requests its token by the same exchange as every call',
    },
    {
      area: 'src/upstream/http/',
      values: ['src/upstream/wire/', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/upstream/caller.ts', 'src/upstream/types.ts', 'src/metrics/', 'src/tracing/'],
      reason: 'the layers of a call know no API, and receive the credential with the call',
    },
    {
      area: 'src/upstream/wire/',
      values: ['src/domain/', 'src/runtime/'],
      types: ['src/upstream/types.ts'],
      reason: 'decoders are pure functions of a record',
    },
    {
      area: 'src/polling/',
      values: ['src/upstream/', 'src/events/', 'src/config/config.ts', 'src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: ['src/runs/', 'src/metrics/', 'src/tracing/'],
      reason: 'the poller reads the platform and writes the event log, and does not know the subscribers',
    },
    {
      area: 'src/events/',
      values: ['src/errors.ts', 'src/domain/', 'src/runtime/'],
      types: [],
      reason: 'the event log orders and replays entries of any type, and reports when it is unavailable',
    },
    {
      area: 'src/runs/',
      values: ['src/domain/', 'src/runtime/'],
      types: [],
      reason: 'statistics are made from jobs that other parts read, and call nothing but their store',
    },
    {
      area: 'src/parquet/',
      values: ['src/runtime/'],
      types: [],
      reason: 'the decoder receives a reader of ranges, and knows neither the platform nor its errors',
    },
    {
      area: 'src/domain/',
      values: [],
      types: [],
      reason: 'plain types and pure functions need no other module',
    },
    {
      area: 'src/runtime/',
      values: [],
      types: [],
      reason: 'the emulator also uses it, so it contains no terms of the gateway',
    },
    {
      area: 'src/emulator/',
      values: ['src/runtime/'],
      types: [],
      reason: 'a type shared with the gateway would repeat a mistake on both sides and hide it',
    },
    {
      area: 'src/emulator/admin/',
      values: [
        'src/emulator/faults/',
        'src/emulator/http/',
        'src/emulator/settings/',
        'src/emulator/errors.ts',
        'src/emulator/options.ts',
        'src/runtime/',
      ],
      types: ['src/emulator/json.ts'],
      reason: 'the admin endpoints change the emulator, and the platform does not know them',
    },
    {
      area: 'src/emulator/faults/',
      values: [
        'src/emulator/http/',
        'src/emulator/errors.ts',
        'src/emulator/json.ts',
        'src/emulator/options.ts',
        'src/runtime/',
      ],
      types: [],
      reason: 'faults alter replies, whatever operation made them',
    },
    {
      area: 'src/emulator/operations/',
      values: [
        'src/emulator/jobs/',
        'src/emulator/engine/',
        'src/emulator/store/',
        'src/emulator/http/',
        'src/emulator/catalog/',
        'src/emulator/errors.ts',
        'src/emulator/json.ts',
        'src/emulator/options.ts',
        'src/runtime/',
      ],
      types: [],
      reason: 'an operation translates between HTTP and the jobs, the engine and the store',
    },
    {
      area: 'src/emulator/http/',
      values: ['src/emulator/errors.ts', 'src/emulator/options.ts', 'src/runtime/'],
      types: ['src/emulator/jobs/', 'src/emulator/store/', 'src/emulator/json.ts'],
      reason: 'the server passes a call to an operation, and knows none',
    },
    {
      area: 'src/emulator/import/',
      values: [
        'src/emulator/seed/',
        'src/emulator/engine/',
        'src/emulator/store/',
        'src/emulator/settings/',
        'src/emulator/catalog/',
        'src/emulator/xdm/',
        'src/runtime/',
      ],
      types: [],
      reason: 'data of the user replaces the generated data at the start',
    },
    {
      area: 'src/emulator/seed/',
      values: [
        'src/emulator/jobs/',
        'src/emulator/engine/',
        'src/emulator/store/',
        'src/emulator/catalog/',
        'src/emulator/xdm/',
        'src/emulator/options.ts',
        'src/runtime/',
      ],
      types: ['src/emulator/json.ts'],
      reason: 'the initial state consists of entities that the jobs could have made',
    },
    {
      area: 'src/emulator/jobs/',
      values: [
        'src/emulator/engine/',
        'src/emulator/store/',
        'src/emulator/catalog/',
        'src/emulator/errors.ts',
        'src/emulator/json.ts',
        'src/runtime/',
      ],
      types: ['src/emulator/options.ts'],
      reason: 'a job runs the engine and records its progress in the store',
    },
    {
      area: 'src/emulator/engine/',
      values: [
        'src/emulator/pql/',
        'src/emulator/store/',
        'src/emulator/catalog/',
        'src/emulator/xdm/',
        'src/runtime/',
      ],
      types: [],
      reason: 'the engine evaluates segments and exports profiles, whatever requested it',
    },
    {
      area: 'src/emulator/pql/',
      values: ['src/emulator/xdm/', 'src/emulator/store/sql.ts', 'src/runtime/'],
      types: [],
      reason: 'a compiler of expressions needs the fields and SQL, and no data',
    },
    {
      area: 'src/emulator/store/',
      values: [
        'src/emulator/migrations/',
        'src/emulator/xdm/',
        'src/emulator/json.ts',
        'src/emulator/options.ts',
        'src/runtime/',
      ],
      types: [],
      reason: 'the store keeps rows, and knows no rule of the platform',
    },
    {
      area: 'src/emulator/settings/',
      values: ['src/emulator/options.ts', 'src/runtime/'],
      types: [],
      reason: 'settings are values that the other parts read',
    },
    {
      area: 'src/emulator/migrations/',
      values: [],
      types: [],
      reason: 'a released migration never changes',
    },
    {
      area: 'src/emulator/catalog/',
      values: ['src/emulator/xdm/'],
      types: [],
      reason: 'the entities that every sandbox has are constants',
    },
    {
      area: 'src/emulator/xdm/',
      values: [],
      types: [],
      reason: 'the fields of profiles and events are constants',
    },
    {
      area: 'test/e2e/',
      values: ['test/support/', 'src/app.ts', 'src/config/config.ts', 'src/emulator/emulator.ts'],
      types: [],
      reason: 'end-to-end tests use the public interface',
    },
    {
      area: 'test/chaos/',
      values: ['test/support/', 'test/e2e/operations.generated.ts', 'src/runtime/'],
      types: ['src/emulator/faults/faults.ts'],
      reason: 'results for clients are checked from outside, against the platform itself',
    },
    {
      area: 'test/soak/',
      values: ['test/support/', 'test/fuzz/', 'test/bench/live/exports.ts', 'test/e2e/operations.generated.ts'],
      types: [],
      reason: 'leaks are checked from outside, in a gateway that runs as in production',
    },
  ],
  packages: [
    {
      names: ['undici'],
      within: 'src/',
      where: { onlyIn: ['src/upstream/', 'src/server/transports/callbacks/router-pools.ts'] },
      reason: 'one core sends every call to the platform, another every callback to a router, each with its deadline',
    },
    {
      names: ['graphql*', '@pothos/*', '@graphql-yoga/*'],
      within: 'src/',
      where: {
        notIn: [
          'src/upstream/',
          'src/polling/',
          'src/events/',
          'src/loaders/',
          'src/domain/',
          'src/auth/',
          'src/context/',
          'src/runtime/',
          'src/emulator/',
          'src/server/connections/',
          'src/server/http/',
          'src/server/downloads/',
          'src/server/console/',
        ],
      },
      reason: 'layers below schema/ and server/ do not depend on GraphQL',
    },
    {
      names: ['@opentelemetry/*'],
      within: 'src/',
      where: { onlyIn: ['src/tracing/'] },
      reason: 'one module decides which data a span contains',
    },
    {
      names: ['@duckdb/node-api'],
      within: 'src/',
      where: { onlyIn: ['src/emulator/store/'] },
      reason: 'the database is optional, and only the emulator’s store depends on it',
    },
    {
      names: ['@redis/client'],
      within: 'src/',
      where: { onlyIn: ['src/runtime/redis.ts', 'src/runtime/redis-connection.ts'] },
      reason: 'one module connects, and defines the behaviour when Redis is unavailable',
    },
    {
      names: ['node:timers'],
      within: 'src/',
      where: { onlyIn: ['src/runtime/clock.ts'] },
      reason: 'time is a parameter',
    },
    {
      names: ['node:process'],
      within: 'src/',
      where: { onlyIn: [] },
      reason: 'the global is what the rule about process.env searches for',
    },
  ],
  globals: [
    {
      names: ['Date.now', 'new Date()', 'setTimeout', 'setInterval', 'AbortSignal.timeout', 'performance.now'],
      within: 'src/',
      where: { onlyIn: ['src/runtime/clock.ts', 'src/console/app/clock.ts'] },
      reason: 'time is a parameter that tests can control',
    },
    {
      names: ['process.env'],
      within: 'src/',
      where: { onlyIn: ['src/main.ts', 'src/emulator/main.ts'] },
      reason: 'the configuration is a value that only the entry reads',
    },
  ],
};

const root = join(import.meta.dirname, '../..');

const sourcesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .sort();

const check = (files: Readonly<Record<string, string>>): readonly string[] =>
  violations(
    Object.entries(files).map(([path, source]) => scanModule(path, source)),
    rules,
  );

describe('the source', () => {
  it('follows the import table', () => {
    const files = ['src', 'test/e2e', 'test/chaos', 'test/soak'].flatMap(sourcesIn);
    expect(files.length).toBeGreaterThan(50);
    expect(check(Object.fromEntries(files.map((path) => [path, readFileSync(join(root, path), 'utf8')])))).toEqual([]);
  });

  it('has no circular imports, not even of types', () => {
    const modules = sourcesIn('src').map((path) => scanModule(path, readFileSync(join(root, path), 'utf8')));
    expect(importCircles(modules)).toEqual([]);
  });

  it('can be imported without any environment, prints nothing, and leaves nothing running', async () => {
    const entries = ['src/cli.ts', 'src/main.ts', 'src/emulator/main.ts'];
    // The console needs a browser.
    const modules = sourcesIn('src').filter((path) => !entries.includes(path) && !path.startsWith('src/console/'));
    const script = `for (const path of ${JSON.stringify(modules)}) await import('./' + path);`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root, env: {} });
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  }, 60_000);
});

describe('circles of imports', () => {
  const circlesOf = (files: Readonly<Record<string, string>>) =>
    importCircles(Object.entries(files).map(([path, source]) => scanModule(path, source)));

  it('are found through several modules and through types', () => {
    const files = {
      'src/a.ts': "import { b } from './b.ts';",
      'src/b.ts': "import type { C } from './c.ts';",
      'src/c.ts': "export { a } from './a.ts';",
    };
    expect(circlesOf(files)).toEqual([['src/a.ts', 'src/b.ts', 'src/c.ts', 'src/a.ts']]);
  });

  it('are not seen where two modules import the same one', () => {
    const files = {
      'src/a.ts': "import { b } from './b.ts';\nimport { c } from './c.ts';",
      'src/b.ts': "import { c } from './c.ts';",
      'src/c.ts': "import { readFileSync } from 'node:fs';",
    };
    expect(circlesOf(files)).toEqual([]);
  });
});

describe('the import table', () => {
  // Each row has a module that violates it, and a similar module that conforms.
  it.each<[path: string, bad: string, good: string]>([
    ['src/cli.ts', "import('./emulator/server.ts');", "import('./emulator/main.ts');"],
    ['src/main.ts', "import('./emulator/server.ts');", "import('./emulator/emulator.ts');"],
    ['src/main.ts', "import { schema } from './schema/index.ts';", "import { startApp } from './app.ts';"],
    ['src/app.ts', "import { startEmulator } from './emulator/emulator.ts';", "import { x } from './polling/feed.ts';"],
    ['src/app.ts', "import type { E } from './emulator/emulator.ts';", "import type { C } from './config/config.ts';"],
    ['src/app.ts', "import { builder } from './schema/builder.ts';", "import { schema } from './schema/index.ts';"],
    [
      'src/redis-services.ts',
      "import { createFileHandler } from './server/downloads/downloads.ts';",
      "import { shareByRedis } from './polling/leader/redis-sharing.ts';",
    ],
    [
      'src/config/config.ts',
      "import { startApp } from '../app.ts';",
      "import { parseTenant } from '../domain/tenant.ts';",
    ],
    ['src/errors.ts', "import type { Tenant } from './domain/tenant.ts';", "import { inspect } from 'node:util';"],
    [
      'src/metrics/platform.ts',
      "import { createUpstream } from '../upstream/index.ts';",
      "import type { Service } from '../upstream/types.ts';",
    ],
    [
      'src/observation/operation-record.ts',
      "import { endRecord } from '../server/graphql/end-record.ts';",
      "import type { Session } from '../auth/authenticator.ts';",
    ],
    [
      'src/server/http/server.ts',
      "import { createMetrics } from '../../metrics/index.ts';",
      "import { x } from './paths.ts';",
    ],
    ['src/server/http/server.ts', "import type { Caller } from '../../upstream/caller.ts';", ''],
    ['src/server/http/server.ts', "import type { Feed } from '../../polling/feed.ts';", ''],
    [
      'src/server/connections/send-buffers.ts',
      "import type { HttpServer } from '../http/server.ts';",
      "import type { Clock } from '../../runtime/clock.ts';",
    ],
    [
      'src/server/graphql/pipeline.ts',
      "import { createSharedSubscriptions } from '../sharing/shared-subscriptions.ts';",
      "import { execute } from '../../execution/execute.ts';",
    ],
    [
      'src/server/graphql/operation.ts',
      "import { contextFactory } from '../../context/create-context.ts';",
      "import type { CreateContext } from '../../context/create-context.ts';",
    ],
    [
      'src/server/sharing/push-subscription.ts',
      "import type { SocketOperation } from '../transports/websocket/operation.ts';",
      "import type { MaskError } from '../graphql/error-mask.ts';",
    ],
    [
      'src/server/http/server.ts',
      "import { createGraphqlHandler } from '../transports/http/route.ts';",
      "import { logUnexpected } from '../graphql/error-mask.ts';",
    ],
    [
      'src/server/http/server.ts',
      "import type { DownloadSource } from '../downloads/file-body.ts';",
      "import type { SendBuffers } from '../connections/send-buffers.ts';",
    ],
    [
      'src/server/downloads/downloads.ts',
      "import { openOperation } from '../graphql/operation.ts';",
      "import { extensionsOf } from '../graphql/error-mask.ts';",
    ],
    [
      'src/server/console/console.ts',
      "import type { AuthMode } from '../../domain/auth-mode.ts';",
      "import { checkPreconditions } from '../downloads/preconditions.ts';",
    ],
    [
      'src/console/board/board.tsx',
      "import type { ExportJob } from '../../domain/export-job.ts';",
      "import { texts } from '../texts.ts';",
    ],
    ['src/app.ts', "import { pages } from './console/app/paths.ts';", ''],
    [
      'src/server/transports/websocket/server.ts',
      "import { createFileHandler } from '../../downloads/downloads.ts';",
      "import { PushSubscription } from '../../sharing/push-subscription.ts';",
    ],
    [
      'src/server/transports/websocket/operation.ts',
      "import { createAuthenticator } from '../../../auth/create-authenticator.ts';",
      "import type { Authenticate } from '../../../auth/authenticator.ts';",
    ],
    ['src/server/transports/websocket/operation.ts', "import type { Feed } from '../../../polling/feed.ts';", ''],
    [
      'src/auth/create-authenticator.ts',
      "import { createClientCredential } from '../upstream/index.ts';",
      "import type { Credential } from '../upstream/caller.ts';",
    ],
    [
      'src/auth/authenticator.ts',
      "import type { GatewayContext } from '../context/context.ts';",
      "import { UnauthenticatedError } from '../errors.ts';",
    ],
    ['src/server/http/server.ts', "import type { E } from '../../emulator/errors.ts';", ''],
    [
      'src/context/context.ts',
      "import { createUpstream } from '../upstream/index.ts';",
      "import type { PlatformApi } from '../upstream/platform-api.ts';",
    ],
    [
      'src/context/context.ts',
      "import { readBatches } from '../loaders/lists/batches.ts';",
      "import { createLoaders } from '../loaders/index.ts';",
    ],
    ['src/context/context.ts', "import type { schema } from '../schema/index.ts';", ''],
    ['src/context/context.ts', "import type { Feed } from '../polling/feed.ts';", ''],
    [
      'src/schema/node.ts',
      "import { type Loaders, createLoaders } from '../loaders/index.ts';",
      "import type { Loaders } from '../loaders/index.ts';",
    ],
    [
      'src/schema/node.ts',
      "import { type Caller } from '../upstream/caller.ts';",
      "import type { Caller } from '../upstream/caller.ts';",
    ],
    ['src/schema/node.ts', "import type { Pipeline } from '../server/graphql/pipeline-types.ts';", ''],
    ['src/loaders/index.ts', "import type { builder } from '../schema/builder.ts';", ''],
    [
      'src/upstream/index.ts',
      "import type { GatewayContext } from '../context/context.ts';",
      "import type { ExportJob } from '../domain/export-job.ts';",
    ],
    [
      'src/loaders/lists/files.ts',
      "import { readBatches } from '../index.ts';",
      "import { readConnection } from '../pagination/connection.ts';",
    ],
    [
      'src/loaders/lists/files.ts',
      "import { createFilesApi } from '../../upstream/apis/files.ts';",
      "import type { FilesApi } from '../../upstream/apis/files.ts';",
    ],
    [
      'src/loaders/pagination/cursor.ts',
      "import type { FileConnectionOptions } from '../lists/files.ts';",
      "import { InvalidInputError } from '../../errors.ts';",
    ],
    [
      'src/upstream/apis/files.ts',
      "import type { Caller } from '../caller.ts';",
      "import { errorFromEntry } from '../http/errors.ts';",
    ],
    [
      'src/upstream/creates/attempts.ts',
      "import { sendOnce } from '../http/send.ts';",
      "import type { BoundClient } from '../http/call.ts';",
    ],
    [
      'src/upstream/credentials/ims.ts',
      "import { createFilesApi } from '../apis/files.ts';",
      "import { sendOnce } from '../http/send.ts';",
    ],
    [
      'src/upstream/http/client.ts',
      "import type { CredentialReport } from '../credentials/credential-report.ts';",
      "import type { CredentialReport } from '../caller.ts';",
    ],
    [
      'src/upstream/wire/batch.ts',
      "import { unreadable } from '../http/errors.ts';",
      "import type { AnomalyKind } from '../types.ts';",
    ],
    ['src/polling/feed.ts', "import type { GatewayContext } from '../context/context.ts';", ''],
    [
      'src/events/watch.ts',
      "import type { Feed } from '../polling/feed.ts';",
      "import { GatewayError } from '../errors.ts';",
    ],
    [
      'src/parquet/convert.ts',
      "import { GatewayError } from '../errors.ts';",
      "import type { Clock } from '../runtime/clock.ts';",
    ],
    [
      'src/audit/outcome.ts',
      "import type { GatewayContext } from '../context/context.ts';",
      "import type { WriteAction } from '../upstream/types.ts';",
    ],
    [
      'src/tracing/trace.ts',
      "import type { Tenant } from '../domain/tenant.ts';",
      "import { trace } from '@opentelemetry/api';",
    ],
    ['src/domain/job.ts', "import type { Clock } from '../runtime/clock.ts';", "import { x } from './ids.ts';"],
    ['src/runtime/clock.ts', "import type { Tenant } from '../domain/tenant.ts';", ''],
    [
      'src/emulator/jobs/create-job.ts',
      "import type { ExportJob } from '../../domain/export-job.ts';",
      "import type { Clock } from '../../runtime/clock.ts';",
    ],
    [
      'src/emulator/admin/door.ts',
      "import { routes } from '../routes.ts';",
      "import { json } from '../http/operation.ts';",
    ],
    [
      'src/emulator/faults/deliver.ts',
      "import type { AdminDoor } from '../admin/door.ts';",
      "import { sendReply } from '../http/send-reply.ts';",
    ],
    [
      'src/emulator/operations/schedules.ts',
      "import { seedPlatform } from '../seed/platform-state.ts';",
      "import { seededMergePolicies } from '../catalog/population.ts';",
    ],
    [
      'src/emulator/http/operation.ts',
      "import type { Faults } from '../faults/faults.ts';",
      "import type { Scheduler } from '../jobs/scheduler.ts';",
    ],
    [
      'src/emulator/import/people.ts',
      "import { Scheduler } from '../jobs/scheduler.ts';",
      "import { TokenReader } from '../store/values.ts';",
    ],
    [
      'src/emulator/seed/population.ts',
      "import { importSeed } from '../import/import-seed.ts';",
      "import { Parameters } from '../store/sql.ts';",
    ],
    [
      'src/emulator/jobs/scheduler.ts',
      "import { seedPlatform } from '../seed/platform-state.ts';",
      "import type { EmulatorQuirks } from '../options.ts';",
    ],
    [
      'src/emulator/engine/sql.ts',
      "import type { ExportRequest } from '../jobs/export-request.ts';",
      "import { compilePql } from '../pql/compile-pql.ts';",
    ],
    [
      'src/emulator/pql/compiler.ts',
      "import { identifier } from '../engine/xdm-sql.ts';",
      "import { identifier } from '../store/sql.ts';",
    ],
    [
      'src/emulator/store/database.ts',
      "import type { ExportRequest } from '../jobs/export-request.ts';",
      "import { columnTypes } from '../xdm/own-fields.ts';",
    ],
    [
      'src/emulator/settings/settings.ts',
      "import type { Scheduler } from '../jobs/scheduler.ts';",
      "import { quirkNames } from '../options.ts';",
    ],
    [
      'src/emulator/migrations/index.ts',
      "import { columnTypes } from '../xdm/own-fields.ts';",
      "import { population } from './0001-population.ts';",
    ],
    [
      'src/emulator/catalog/population.ts',
      "import type { Database } from '../store/connection.ts';",
      "import type { SegmentNamespace } from '../xdm/schema.ts';",
    ],
    [
      'src/emulator/xdm/vocabulary.ts',
      "import type { Expression } from '../pql/syntax.ts';",
      "import { eventSchema } from './schema.ts';",
    ],
    ['src/emulator/server.ts', "export { GatewayError } from '../errors.ts';", "export { x } from './errors.ts';"],
    ['src/server/http/server.ts', "import { main } from '../../main.ts';", ''],
    ['src/loaders/index.ts', "import { gateway } from '../support/gateway.ts';", ''],
    [
      'test/e2e/jobs.test.ts',
      "import { createUpstream } from '../../src/upstream/index.ts';",
      "import { startApp } from '../../src/app.ts';",
    ],
    [
      'test/e2e/jobs.test.ts',
      "import { openDatabase } from '../../src/emulator/store/database.ts';",
      "import { startEmulator } from '../../src/emulator/emulator.ts';",
    ],
  ])('%s may not contain `%s`', (path, bad, good) => {
    expect(check({ [path]: bad })).toHaveLength(1);
    expect(check({ [path]: good })).toEqual([]);
  });

  it('has a violation for each of its rows', () => {
    const areas = rules.layers.map(({ area }) => area);
    const stranger = "import type { x } from '../../../../../other-repository.ts';";
    const violated = areas.map((area) => check({ [area.endsWith('/') ? `${area}some.ts` : area]: stranger }));
    expect(violated.filter((lines) => lines.length !== 1)).toEqual([]);
    expect(rules.layers.filter(({ reason }) => reason === '')).toEqual([]);
  });

  it('has a row for every folder', () => {
    expect(check({ 'src/new-folder/thing.ts': '' })).toEqual(['src/new-folder/thing.ts has no row in the table']);
  });

  it('rejects an import whose module is computed', () => {
    expect(check({ 'src/server/http/server.ts': 'await import(name);' })).toHaveLength(1);
    expect(check({ 'src/server/http/server.ts': `await import(\`../\${name}.ts\`);` })).toHaveLength(1);
  });

  it.each<[name: string, bad: string, good: string]>([
    ['undici', 'src/app.ts', 'src/upstream/index.ts'],
    ['undici', 'src/server/graphql/pipeline.ts', 'src/server/transports/callbacks/router-pools.ts'],
    ['undici', 'src/emulator/server.ts', 'src/upstream/wire/dataset.ts'],
    ['graphql', 'src/loaders/index.ts', 'src/schema/common/scalars.ts'],
    ['graphql', 'src/server/http/server.ts', 'src/server/transports/http/route.ts'],
    ['graphql', 'src/upstream/index.ts', 'src/server/graphql/pipeline.ts'],
    ['graphql', 'src/polling/feed.ts', 'src/schema/builder.ts'],
    ['graphql-yoga', 'src/events/watch.ts', 'src/server/graphql/pipeline.ts'],
    ['graphql-scalars', 'src/domain/job.ts', 'src/schema/common/scalars.ts'],
    ['@pothos/core', 'src/context/context.ts', 'src/schema/builder.ts'],
    ['@duckdb/node-api', 'src/emulator/jobs/create-job.ts', 'src/emulator/store/database.ts'],
    ['@opentelemetry/api', 'src/upstream/http/send.ts', 'src/tracing/trace.ts'],
    ['@redis/client', 'src/events/redis/log.ts', 'src/runtime/redis.ts'],
    ['node:timers/promises', 'src/polling/feed.ts', 'src/runtime/clock.ts'],
  ])('%s may not be used in %s', (name, bad, good) => {
    for (const source of [`import { x } from '${name}';`, `type T = typeof import('${name}');`, `import '${name}';`]) {
      expect(check({ [bad]: source })).toHaveLength(1);
      expect(check({ [good]: source })).toEqual([]);
    }
  });

  it('lets no module destructure the process', () => {
    expect(check({ 'src/main.ts': "import { env } from 'node:process';" })).toHaveLength(1);
  });

  it.each([
    'const now = Date.now();',
    'const now = new Date();',
    'const now = new Date;',
    'setTimeout(run, 5);',
    'const timer = globalThis.setInterval(run, 5);',
    'const signal = AbortSignal.timeout(5);',
    'const started = performance.now();',
    // In a template placeholder, and after a pattern that contains a quote.
    `const text = \`now \${Date.now()}\`;`,
    "const clean = text.replace(/['\"]/g, ''); const now = Date.now(); const other = 'x';",
  ])('only the clock reads the time, not `%s`', (source) => {
    expect(check({ 'src/polling/feed.ts': source })).toHaveLength(1);
    expect(check({ 'src/emulator/server.ts': source })).toHaveLength(1);
    expect(check({ 'src/runtime/clock.ts': source })).toEqual([]);
  });

  it.each(['read(process.env);', "process['env']", 'const { env } = process;', 'process?.env'])(
    'only the entries read the environment, not `%s`',
    (source) => {
      expect(check({ 'src/config/config.ts': source })).toHaveLength(1);
      expect(check({ 'src/main.ts': source, 'src/emulator/main.ts': source })).toEqual([]);
    },
  );
});

describe('reading a source', () => {
  it('finds every form of import', () => {
    const source = [
      "import 'side-effect';",
      "import one from './one.ts';",
      "import * as two from './two.ts';",
      'import {',
      '  type A,',
      '  b,',
      "} from '../three.ts';",
      "import type { C } from './four.ts';",
      "export * from './five.ts';",
      "export type { D } from './six.ts';",
      "type E = typeof import('@scope/seven/deep');",
      "const f = await import('eight/deep');",
      "import { fs } from 'node:fs/promises';",
    ].join('\n');
    expect(scanModule('src/a/b.ts', source).imports.toSorted((x, y) => x.target.localeCompare(y.target))).toEqual(
      [
        { target: 'side-effect', kind: 'value' },
        { target: 'src/a/one.ts', kind: 'value' },
        { target: 'src/a/two.ts', kind: 'value' },
        { target: 'src/three.ts', kind: 'value' },
        { target: 'src/a/four.ts', kind: 'type' },
        { target: 'src/a/five.ts', kind: 'value' },
        { target: 'src/a/six.ts', kind: 'type' },
        { target: '@scope/seven', kind: 'type' },
        { target: 'eight', kind: 'value' },
        { target: 'node:fs', kind: 'value' },
      ].toSorted((x, y) => x.target.localeCompare(y.target)),
    );
  });

  it('distinguishes comments and strings from code', () => {
    const source = [
      '// new Date() and process.env',
      "/* import { x } from 'undici'; setTimeout() */",
      "const advice = 'do not call Date.now()'; const url = 'http://host/'; const more = \"setTimeout\";",
      'response.setTimeout(5); const date = new Date(0); const { timeZone } = options;',
    ].join('\n');
    expect(scanModule('src/a.ts', source)).toEqual({ path: 'src/a.ts', imports: [], uses: [] });
  });
});
