import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { composed } from '../federation/graph.ts';
import type { Subgraph } from '../support/compose.ts';
import { built, startProgram, temporaryFolder } from './program.ts';
import {
  documentedJwksUrl,
  type RouterKind,
  type RouterSetup,
  type RunningRouter,
  type SubgraphTransport,
} from './router.ts';

type Settings = Readonly<Record<string, unknown>>;

/** Settings that the documentation shows. */
// The files contain mappings.
const settingsOf = (name: string): Settings =>
  parse(readFileSync(new URL(`settings/${name}.yaml`, import.meta.url), 'utf8')) as Settings;

/** Compiles quickly. The cases test behaviour and not speed. */
const quickBuild = {
  CARGO_INCREMENTAL: '0',
  CARGO_PROFILE_DEV_CODEGEN_UNITS: '256',
  CARGO_PROFILE_DEV_DEBUG: '0',
  CARGO_PROFILE_DEV_OPT_LEVEL: '0',
};

/** Installs the program of a crate, with the versions of its own lockfile. */
const install = (crate: string, version: string, program: string, features = ''): Promise<string> =>
  built({
    name: join(`${crate}-${version}`, 'bin', program),
    manifest: '.',
    command: (target) => {
      const crateOptions = [crate, '--version', version, '--locked', '--features', features, '--bin', program];
      return ['cargo', 'install', ...crateOptions, '--debug', '--root', join(target, '../..')];
    },
    env: quickBuild,
  });

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Settings in addition to those of the documentation, given the path of the supergraph. */
  readonly settings: (supergraph: string) => Settings;
  readonly readyUrl: string;
}

/** Starts a router with a supergraph and settings in files of their own. */
async function start(
  { subgraphs, callbackUrl }: RouterSetup,
  { command, args, env, settings, readyUrl }: Start,
): Promise<RunningRouter> {
  const folder = await temporaryFolder();
  const supergraph = join(folder.path, 'supergraph.graphql');
  const write = (each: readonly Subgraph[]) => writeFile(supergraph, composed(each));
  await write(subgraphs);
  await writeFile(join(folder.path, 'router.yaml'), stringify(settings(supergraph)));
  const router = await startProgram({ command, args, cwd: folder.path, env, readyUrl });
  return {
    url: new URL(callbackUrl).origin,
    reload: write,
    [Symbol.asyncDispose]: async () => {
      await router[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const hiveVersion = '0.3.10';
/** The feature replaces the console of the router, which its build would download. */
const hiveProgram = () => install('hive-router', hiveVersion, 'hive_router', 'graphiql');

/**
 * Settings of the documentation with the subscriptions of another transport. Without sockets and callbacks, Hive Router
 * reads event streams.
 */
function hiveSettings(transport: SubgraphTransport, callbackUrl: string): Settings {
  const { subscriptions, ...settings } = settingsOf('hive-router');
  // The file contains a mapping.
  const { websocket, ...common } = subscriptions as Settings;
  switch (transport) {
    case 'WebSocket':
      return { ...settings, subscriptions: { ...common, websocket } };
    case 'event stream':
      return { ...settings, subscriptions: common };
    case 'callback': {
      const callback = { public_url: callbackUrl, path: '/callback', subgraphs: ['exports'] };
      return { ...settings, subscriptions: { ...common, callback } };
    }
  }
}

/** Settings with which Hive Router verifies tokens. */
function hiveTokens(jwksUrl: string | null): Settings {
  if (jwksUrl === null) return {};
  // The file contains a mapping.
  return parse(stringify(settingsOf('hive-router-tokens')).replace(documentedJwksUrl, jwksUrl)) as Settings;
}

export const hiveRouter: RouterKind = {
  name: 'Hive Router',
  transports: ['WebSocket', 'event stream', 'callback'],
  clients: 'sse',
  verifiesTokens: true,
  faults: [],
  prepare: async () => {
    await hiveProgram();
    return hiveVersion;
  },
  start: async (setup) => {
    const { hostname, port, origin } = new URL(setup.callbackUrl);
    return start(setup, {
      command: await hiveProgram(),
      args: [],
      env: { ROUTER_CONFIG_FILE_PATH: 'router.yaml', HOST: hostname, PORT: port },
      settings: (path) => ({
        ...hiveSettings(setup.transport, setup.callbackUrl),
        ...hiveTokens(setup.jwksUrl),
        supergraph: { source: 'file', path, poll_interval: '500ms' },
      }),
      readyUrl: `${origin}/readiness`,
    });
  },
};

const apolloVersion = '2.17.0';
const apolloProgram = () => install('apollo-router', apolloVersion, 'router');
/** Path of an offline license of GraphOS. Without one, the router does not start with subscriptions. */
const license = process.env['APOLLO_ROUTER_LICENSE_PATH'];

/** Subscriptions of Apollo Router. */
function apolloSubscriptions(transport: SubgraphTransport, callbackUrl: string): Settings {
  if (license === undefined) return {};
  if (transport === 'WebSocket') return settingsOf('apollo-router-websocket');
  const { subscription } = settingsOf('apollo-router-callback');
  const text = stringify({ subscription })
    .replace('https://router.example.com/callback', callbackUrl)
    .replace('0.0.0.0:4000', new URL(callbackUrl).host);
  // The file contains a mapping.
  return parse(text) as Settings;
}

export const apolloRouter: RouterKind = {
  name: 'Apollo Router',
  transports: license === undefined ? [] : ['WebSocket', 'callback'],
  clients: 'multipart',
  // It verifies tokens only under a license of GraphOS.
  verifiesTokens: false,
  faults: [],
  prepare: async () => {
    await apolloProgram();
    return apolloVersion;
  },
  start: async (setup) => {
    const { host, origin } = new URL(setup.callbackUrl);
    return start(setup, {
      command: await apolloProgram(),
      args: ['--config', 'router.yaml', '--supergraph', 'supergraph.graphql', '--hot-reload'],
      env: { APOLLO_TELEMETRY_DISABLED: 'true' },
      settings: () => ({
        ...settingsOf('apollo-router'),
        ...apolloSubscriptions(setup.transport, setup.callbackUrl),
        supergraph: { listen: host, path: '/graphql' },
        health_check: { listen: host },
      }),
      readyUrl: `${origin}/health?ready`,
    });
  },
};
