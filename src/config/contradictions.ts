import type { z } from 'zod';
import type { AuthMode } from '../domain/auth-mode.ts';
import { platformContradictions } from '../emulator/variables.ts';
import { isPrivateName } from '../runtime/addresses.ts';
import { isLoopback } from '../runtime/loopback.ts';
import { variables } from './variables.ts';

type Variables = z.output<typeof variables>;
type VariableName = keyof Variables;

export interface Settings {
  /** The variables with their defaults. */
  readonly set: Variables;
  readonly mode: AuthMode;
  /** Whether the variable is set and valid, so that its value in `set` is not the default. */
  isGiven(name: VariableName): boolean;
  /** Whether one of these variables is set but invalid, so that its value in `set` has no meaning. */
  isWrong(...names: readonly VariableName[]): boolean;
}

/** Values of the variables of an empty environment. */
const defaults = variables.parse({});

/** Variables that have an effect in one mode only. If they are set in another mode, the mode is probably a mistake. */
const modeOfVariable = {
  AEP_API_KEY: 'passthrough',
  AEP_CLIENT_ID: 'service',
  AEP_CLIENT_SECRET: 'service',
  AEP_SCOPES: 'service',
  JWT_JWKS_URL: 'service',
  JWT_ISSUER: 'service',
  JWT_AUDIENCE: 'service',
  JWT_ORGANIZATION_CLAIM: 'service',
  JWT_SANDBOXES_CLAIM: 'service',
  JWT_SCOPES_CLAIM: 'service',
} as const satisfies Partial<Record<VariableName, AuthMode>>;

const requiredInServiceMode = [
  'AEP_BASE_URL',
  'AEP_CLIENT_ID',
  'AEP_CLIENT_SECRET',
  'JWT_JWKS_URL',
  'JWT_ISSUER',
  'JWT_AUDIENCE',
] as const satisfies VariableName[];

/** Problems of several variables together. Each message names the variables and the change to make. */
export function contradictions(settings: Settings): readonly string[] {
  const ofEmulator = settings.set.AEP_BASE_URL === undefined ? platformContradictions(settings.isGiven) : [];
  return [
    ...aboutPorts(settings),
    ...aboutPolling(settings),
    ...aboutMode(settings),
    ...aboutCallbacks(settings),
    ...ofEmulator,
  ];
}

function* aboutPorts({ set, isWrong }: Settings): Iterable<string> {
  if (isWrong('PORT', 'HOST', 'ADMIN_PORT', 'ADMIN_HOST')) return;
  if (set.PORT !== 0 && set.PORT === set.ADMIN_PORT && set.HOST === set.ADMIN_HOST)
    yield 'ADMIN_PORT must not be the same as PORT: change one of them';
}

function* aboutPolling({ set, isWrong }: Settings): Iterable<string> {
  if (set.POLL_MIN_MS > set.POLL_MAX_MS && !isWrong('POLL_MIN_MS', 'POLL_MAX_MS')) {
    const { POLL_MIN_MS: min, POLL_MAX_MS: max } = defaults;
    yield `POLL_MIN_MS (${min} by default) must not be greater than POLL_MAX_MS (${max} by default): change one of them`;
  }
}

function* aboutMode(settings: Settings): Iterable<string> {
  const { set, mode, isGiven, isWrong } = settings;
  if (isWrong('AUTH_MODE')) return;
  switch (mode) {
    case 'embedded':
      if (!isWrong('AEP_BASE_URL')) yield* aboutEmbeddedMode(settings);
      break;
    case 'passthrough':
      if (set.AEP_BASE_URL === undefined && !isWrong('AEP_BASE_URL'))
        yield 'AEP_BASE_URL must be set in passthrough mode';
      break;
    case 'service':
      for (const name of requiredInServiceMode) {
        if (set[name] === undefined && !isWrong(name)) yield `${name} must be set in service mode`;
      }
      break;
  }
  for (const [name, needed] of Object.entries(modeOfVariable)) {
    // The mode is uncertain between embedded and passthrough if the base URL is invalid. Service mode is always set
    // explicitly.
    // `Object.entries` loses the type of the keys.
    if (!isGiven(name as keyof typeof modeOfVariable) || needed === mode) continue;
    if (needed === 'passthrough' && isWrong('AEP_BASE_URL')) continue;
    yield `${name} is used in ${needed} mode only: set AUTH_MODE=${needed}, or unset ${name}`;
  }
}

function* aboutEmbeddedMode({ set, isWrong }: Settings): Iterable<string> {
  if (!isLoopback(set.HOST) && !isWrong('HOST'))
    yield 'HOST must be a loopback address in embedded mode, because callers need no credential there';
  for (const name of ['AEP_BASE_URL', 'AEP_IMS_URL'] as const) {
    if (set[name] !== undefined && !isLoopback(new URL(set[name]).hostname))
      yield `${name} must be an emulator on loopback in embedded mode`;
  }
  if (set.AEP_IMS_URL !== undefined && set.AEP_BASE_URL === undefined)
    yield 'AEP_IMS_URL has no effect without AEP_BASE_URL: set AEP_BASE_URL, or unset AEP_IMS_URL';
}

function* aboutCallbacks({ set, isWrong }: Settings): Iterable<string> {
  const { SUBSCRIPTION_CALLBACK_URLS: urls, SUBSCRIPTION_CALLBACK_NETWORKS: networks } = set;
  if (isWrong('SUBSCRIPTION_CALLBACK_URLS', 'SUBSCRIPTION_CALLBACK_NETWORKS')) return;
  const hosts = urls.map((url) => new URL(url).hostname);
  if (networks.length === 0 && hosts.some((host) => host === '*' || isPrivateName(host)))
    yield 'SUBSCRIPTION_CALLBACK_URLS has a host (* or a private name) whose addresses SUBSCRIPTION_CALLBACK_NETWORKS must contain: set SUBSCRIPTION_CALLBACK_NETWORKS';
  if (networks.length > 0 && urls.length === 0)
    yield 'SUBSCRIPTION_CALLBACK_NETWORKS has no effect without SUBSCRIPTION_CALLBACK_URLS: set SUBSCRIPTION_CALLBACK_URLS, or unset SUBSCRIPTION_CALLBACK_NETWORKS';
}
