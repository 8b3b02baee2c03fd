import { fileURLToPath } from 'node:url';
import type { Build, Options } from './options.ts';
import { type Running, type StartOptions, serverCore, start } from './processes.ts';
import type { Scenario } from './scenarios.ts';

/** A server that is measured. */
export interface Contender {
  readonly label: string;
  /** The proxy is not a GraphQL server, so it counts as the limit and not as a peer. */
  readonly kind: 'gateway' | 'peer' | 'limit';
  readonly running: Running;
  readonly offers: (scenario: Scenario) => boolean;
}

const peers = [
  { name: 'apollo', label: 'Apollo Server + dataloader', kind: 'peer' },
  { name: 'yoga', label: 'Yoga + Pothos, defaults', kind: 'peer' },
  { name: 'mercurius', label: 'Mercurius + JIT + loaders', kind: 'peer' },
  { name: 'yoga-tuned', label: 'Yoga + Pothos + JIT, tuned, no features', kind: 'peer' },
  { name: 'proxy', label: 'Hand-written node:http proxy', kind: 'limit' },
] as const;

export const mercuriusLabel = 'Mercurius + JIT + loaders';

/** Disables the limits per caller and per sandbox, which the load would exceed. */
const gatewayEnv = {
  PORT: '0',
  LOG_LEVEL: 'warn',
  AUTH_MODE: 'passthrough',
  UPSTREAM_CALLS_PER_SECOND: '1000000',
  RATE_LIMIT_PER_SECOND: '0',
} as const;

export const gatewayStart = (
  { directory }: Build,
  platformUrl: string,
  nodeArgs: readonly string[] = [],
): StartOptions => ({
  args: [...nodeArgs, `${directory}/dist/main.js`],
  core: serverCore,
  env: { ...gatewayEnv, AEP_BASE_URL: platformUrl },
});

/**
 * @param started receives each started server, so that the caller can stop them if a later one fails to start
 * @throws {Error} when the options name an unknown peer, or a server does not start
 */
export async function startContenders(
  { builds, peers: names }: Pick<Options, 'builds' | 'peers'>,
  platformUrl: string,
  started: Running[],
): Promise<readonly Contender[]> {
  const chosen = peers.filter(({ name }) => names?.includes(name) ?? true);
  const contenders: Contender[] = [];
  const run = async (options: StartOptions): Promise<Running> => {
    const running = await start(options);
    started.push(running);
    return running;
  };
  for (const build of builds) {
    const running = await run(gatewayStart(build, platformUrl));
    contenders.push({ label: build.label, kind: 'gateway', running, offers: () => true });
  }
  for (const { name, label, kind } of chosen) {
    const script = fileURLToPath(new URL(`./servers/${name}.js`, import.meta.url));
    const running = await run({ args: [script], core: serverCore, env: { PLATFORM_URL: platformUrl } });
    contenders.push({ label, kind, running, offers: ({ rejected }) => kind === 'peer' || !rejected });
  }
  return contenders;
}
