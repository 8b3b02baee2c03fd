import { resolve } from 'node:path';
import { z } from 'zod';
import { describeVariable } from '../runtime/command-line.ts';
import { logLevels } from '../runtime/logger.ts';
import { unknownVariables } from '../runtime/unknown-variables.ts';
import { type EmulatorOptions, paceNames } from './options.ts';
import { parseClock } from './settings/emulator-clock.ts';
import { QuirkError, readQuirks } from './settings/quirk-values.ts';

/** Largest number of profiles that can be requested. */
const maximumProfiles = 50_000_000;

const integerText = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be an integer from ${minimum} to ${maximum}`)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be an integer from ${minimum} to ${maximum}`);

/** Text that a function reads. It throws, or returns null for text that is not in the form of `message`. */
const readText = <T>(read: (text: string) => T | null, message: string) =>
  z.string().transform((text, context) => {
    try {
      const value = read(text);
      if (value !== null) return value;
      context.addIssue(message);
    } catch (error) {
      if (!(error instanceof QuirkError)) throw error;
      context.addIssue(error.message);
    }
    return z.NEVER;
  });

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
  EMULATOR_RANDOM_SEED: describe(
    integerText(0, Number.MAX_SAFE_INTEGER).optional(),
    '1',
    'Number from which the generated data follows. Read only when the folder is new.',
  ),
  EMULATOR_SEED: describe(
    z.string().optional(),
    'generated data',
    'Folder with data of your own: a manifest.json with files of profiles, events, segments and datasets.',
  ),
  EMULATOR_PACE: describe(
    z.enum(paceNames).optional(),
    'real',
    'How long jobs take: fast (an export job ends within 50 ms), real (2 to 7 seconds) or slow (10 times as long).',
  ),
  EMULATOR_CLOCK: describe(
    readText(parseClock, 'must be a time such as 2026-01-01T00:00:00Z, a rate such as x60, or both').optional(),
    'the clock of the machine',
    'TIME: the clock stands still at it. xRATE: it runs that much faster. `TIME xRATE`: both.',
  ),
  EMULATOR_QUIRKS: describe(
    readText(readQuirks, '').optional(),
    'none',
    'Readings of the documentation to change: name=value pairs with commas between them, or a JSON object.',
  ),
  EMULATOR_ADMIN_TOKEN: describe(
    z
      .string()
      .regex(/^[\x21-\x7e]{16,200}$/, 'must have 16 to 200 characters of ASCII without spaces')
      .optional(),
    'none',
    'Token with which callers on other machines may use the admin endpoints.',
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
export const usage = `Usage: aep-export-gateway emulator [--help | --version]

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
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  const issues = [
    ...unknownVariables(given, { known: Object.keys(variables.shape), prefixes: ['EMULATOR_'] }),
    ...contradictions(given),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`),
  ];
  if (!parsed.success || issues.length > 0) throw new EnvironmentError(`Bad configuration: ${issues.join('; ')}`);
  return { options: optionsOf(parsed.data), logLevel: parsed.data.LOG_LEVEL };
}

function contradictions({
  EMULATOR_SEED,
  EMULATOR_PROFILES,
}: Readonly<Record<string, string | undefined>>): readonly string[] {
  const both = EMULATOR_SEED !== undefined && EMULATOR_PROFILES !== undefined;
  return both ? ['EMULATOR_PROFILES has no effect with EMULATOR_SEED, which brings its own profiles'] : [];
}

function optionsOf(values: z.output<typeof variables>): EmulatorOptions {
  const { EMULATOR_DIR: directory, EMULATOR_SEED: seedFolder } = values;
  return present({
    port: values.EMULATOR_PORT,
    host: values.EMULATOR_HOST,
    profiles: values.EMULATOR_PROFILES,
    seed: values.EMULATOR_RANDOM_SEED,
    seedFolder: seedFolder === undefined ? undefined : resolve(seedFolder),
    pace: values.EMULATOR_PACE,
    time: values.EMULATOR_CLOCK,
    quirks: values.EMULATOR_QUIRKS,
    adminToken: values.EMULATOR_ADMIN_TOKEN,
    directory: directory === undefined ? undefined : resolve(directory),
  });
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without the members that are undefined, which options do not allow. */
function present<T extends object>(values: T): Present<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  // The entries are those of the values.
  return Object.fromEntries(entries) as Present<T>;
}
