import { resolve } from 'node:path';
import { z } from 'zod';
import { describeVariable } from '../runtime/command-line.ts';
import { logLevels } from '../runtime/logger.ts';
import { unknownVariables } from '../runtime/unknown-variables.ts';
import type { EmulatorOptions } from './options.ts';

/** Largest number of profiles that can be requested. */
const maximumProfiles = 50_000_000;

const integerText = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be an integer from ${minimum} to ${maximum}`)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be an integer from ${minimum} to ${maximum}`);

const describe = <Schema extends z.ZodType>(schema: Schema, shownDefault: string, description: string) =>
  schema.meta({ description, shownDefault });

const variables = z.object({
  EMULATOR_PORT: describe(
    integerText(0, 65_535).default(4010),
    '4010',
    'Port to listen on; 0 takes any free port, which the ready line shows.',
  ),
  EMULATOR_HOST: describe(z.string().default('127.0.0.1'), '127.0.0.1', 'Address to listen on.'),
  EMULATOR_PROFILES: describe(
    integerText(1, maximumProfiles).optional(),
    '10000',
    'Profiles of the sandbox prod; dev has a tenth. Read only when the folder is new.',
  ),
  EMULATOR_DIR: describe(
    z.string().optional(),
    'a temporary folder, removed at the end',
    'Folder that keeps the state.',
  ),
  LOG_LEVEL: describe(z.enum(logLevels).default('info'), 'info', 'Least severe level that is logged.'),
});

const rows = Object.entries(variables.shape).map(([name, variable]) => {
  const { description = '', shownDefault = '' } = variable.meta() ?? {};
  return describeVariable(name, String(shownDefault), description);
});

/** Text that `--help` of the emulator prints. */
export const usage = `Usage: node dist/emulator/main.js [--help | --version]

Starts the platform emulator alone. It prints \`ready http://HOST:PORT\` on standard output and logs JSON lines on standard
error.

  -h, --help     prints this text
  -v, --version  prints the version

Exit codes: 0 after SIGTERM or SIGINT, 1 when it cannot run, 2 when arguments or variables are wrong. A second signal ends
the process at once.

Environment variables:

${rows.join('')}`;

/** Thrown when environment variables are unknown or have values that cannot be used; the message names all of them. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Reads the variables of the emulator; an empty one counts as absent.
 * @throws {EnvironmentError}
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>) {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(present);
  const issues = [
    ...unknownVariables(present, { known: Object.keys(variables.shape), prefixes: ['EMULATOR_'] }),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`),
  ];
  if (!parsed.success || issues.length > 0) throw new EnvironmentError(`Bad configuration: ${issues.join('; ')}`);
  const { EMULATOR_PORT, EMULATOR_HOST, EMULATOR_PROFILES, EMULATOR_DIR, LOG_LEVEL } = parsed.data;
  const options: EmulatorOptions = {
    port: EMULATOR_PORT,
    host: EMULATOR_HOST,
    ...(EMULATOR_PROFILES !== undefined && { profiles: EMULATOR_PROFILES }),
    ...(EMULATOR_DIR !== undefined && { directory: resolve(EMULATOR_DIR) }),
  };
  return { options, logLevel: LOG_LEVEL };
}
