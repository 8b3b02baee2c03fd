import { z } from 'zod';
import { logLevels } from '../runtime/logger.ts';
import { unknownVariables, type VariableNames } from '../runtime/unknown-variables.ts';
import { integer, optionalVariable, variable, variablesInPlainText } from '../runtime/variable.ts';
import type { EmulatorOptions } from './options.ts';
import { platformContradictions, platformOptions, platformVariables, present } from './variables.ts';

const variables = z.object({
  EMULATOR_PORT: variable(
    integer(0, 65_535),
    4_010,
    'Port to listen on; 0 takes any free port, which the ready line shows.',
  ),
  EMULATOR_HOST: variable(z.string(), '127.0.0.1', 'Address to listen on.'),
  ...platformVariables,
  EMULATOR_ADMIN_TOKEN: optionalVariable(
    z.string().regex(/^[\x21-\x7e]{16,200}$/, 'must have 16 to 200 characters of ASCII without spaces'),
    'none',
    'Token that allows callers on other machines to use the admin endpoints.',
  ),
  LOG_LEVEL: variable(
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    'info',
    'Minimum level of log lines.',
  ),
});

/** Known names, and the prefix that only the emulator uses. */
export const variableNames = { known: Object.keys(variables.shape), prefixes: ['EMULATOR_'] } satisfies VariableNames;

/** Text printed by `emulator --help`. */
export const usage = `Usage: aep-export-gateway emulator [--help | --version]

Starts the platform emulator without the gateway. It prints \`ready http://HOST:PORT\` on standard output and logs JSON lines on standard
error.

  -h, --help     prints this text
  -v, --version  prints the version

Exit codes: 0 after SIGTERM or SIGINT, 1 when it cannot run, 2 when arguments or variables are wrong. A second signal ends
the process at once.

Environment variables:

${variablesInPlainText(variables.shape)}`;

/** Thrown when environment variables are unknown or have invalid values; the message names all of them. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Reads the variables of the emulator. An empty variable counts as absent.
 * @throws {EnvironmentError}
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>) {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  const issues = [
    ...unknownVariables(given, variableNames),
    ...platformContradictions((name) => given[name] !== undefined),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`),
  ];
  if (!parsed.success || issues.length > 0) throw new EnvironmentError(`configuration: ${issues.join('; ')}`);
  return { options: optionsOf(parsed.data), logLevel: parsed.data.LOG_LEVEL };
}

function optionsOf(values: z.output<typeof variables>): EmulatorOptions {
  return {
    ...{ port: values.EMULATOR_PORT, host: values.EMULATOR_HOST },
    ...platformOptions(values),
    ...present({ adminToken: values.EMULATOR_ADMIN_TOKEN }),
  };
}
