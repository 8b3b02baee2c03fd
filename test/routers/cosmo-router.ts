import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Subgraph } from '../support/compose.ts';
import { closedPort } from '../support/platform.ts';
import { launch } from '../support/program.ts';
import { built, startProgram, temporaryFolder } from './program.ts';
import { documentedJwksUrl, type RouterKind, type SubgraphTransport } from './router.ts';

/** Release of the commit in `cosmo/go.mod`. */
const version = '0.258.3';
const root = join(import.meta.dirname, '../..');
const settings = join(import.meta.dirname, 'settings/cosmo.yaml');

const protocols: Readonly<Record<SubgraphTransport, string | null>> = {
  WebSocket: 'ws',
  'event stream': 'sse_post',
  callback: null,
};

const build = () =>
  built({
    name: `cosmo-${version}`,
    manifest: 'cosmo',
    command: (target) => ['go', 'build', '-buildvcs=false', '-o', target, '.'],
  });

/** Nothing of the router reports to its vendor. */
const offline = {
  COSMO_TELEMETRY_DISABLED: 'true',
  DO_NOT_TRACK: '1',
  GRAPHQL_METRICS_ENABLED: 'false',
  METRICS_OTLP_ENABLED: 'false',
  PROMETHEUS_ENABLED: 'false',
  TRACING_ENABLED: 'false',
};

/** Writes the settings of the documentation with this address of the keys. @returns path of the file */
async function tokenSettings(folder: string, jwksUrl: string): Promise<string> {
  const documented = await readFile(join(import.meta.dirname, 'settings/cosmo-tokens.yaml'), 'utf8');
  const path = join(folder, 'tokens.yaml');
  await writeFile(path, documented.replace(documentedJwksUrl, jwksUrl));
  return path;
}

export const cosmoRouter: RouterKind = {
  name: 'Cosmo Router',
  transports: ['WebSocket', 'event stream'],
  clients: 'sse',
  verifiesTokens: true,
  // It does not notice the end of an event stream, and lets later subscribers join the stream that has ended.
  faults: [
    { case: 'live view to its end, joined', transport: 'event stream' },
    { case: 'loss and return of this gateway under 200 live views', transport: 'event stream' },
  ],
  prepare: async () => {
    await build();
    return version;
  },
  start: async ({ subgraphs, transport, jwksUrl }) => {
    const protocol = protocols[transport];
    if (protocol === null) throw new Error(`The router does not support ${transport}.`);
    const folder = await temporaryFolder();
    const config = join(folder.path, 'config.json');
    const compose = async (each: readonly Subgraph[]) => {
      const input = join(folder.path, 'subgraphs.json');
      await writeFile(input, JSON.stringify(each));
      const program = join(root, 'node_modules/.bin/tsx');
      await using composition = launch(program, ['test/routers/cosmo/compose.ts', input, config, protocol], {
        cwd: root,
      });
      await composition.succeeded();
    };
    await compose(subgraphs);
    const address = `127.0.0.1:${await closedPort()}`;
    const router = await startProgram({
      command: await build(),
      // The router merges the files.
      args: ['-config', jwksUrl === null ? settings : `${settings},${await tokenSettings(folder.path, jwksUrl)}`],
      cwd: folder.path,
      env: {
        ...offline,
        LISTEN_ADDR: address,
        EXECUTION_CONFIG_FILE_PATH: config,
        EXECUTION_CONFIG_FILE_WATCH: 'true',
      },
      readyUrl: `http://${address}/health/ready`,
    });
    return {
      url: `http://${address}`,
      reload: compose,
      [Symbol.asyncDispose]: async () => {
        await router[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  },
};
