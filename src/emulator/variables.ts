import { resolve } from 'node:path';
import { z } from 'zod';
import { type EmulatorOptions, paceNames } from './options.ts';
import { parseClock } from './settings/emulator-clock.ts';
import { QuirkError, readQuirks } from './settings/quirk-values.ts';

/** Maximum number of profiles. */
const maximumProfiles = 50_000_000;

export const integerText = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be an integer from ${minimum} to ${maximum}`)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be an integer from ${minimum} to ${maximum}`);

/**
 * Parses text with a function that throws, or returns null when the text does not have the form described by `message`.
 */
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

export const describe = <Schema extends z.ZodType>(schema: Schema, shownDefault: string, description: string) =>
  schema.meta({ description, shownDefault });

/**
 * Variables that describe the data and the behaviour of an emulator. They are defined once, because both the emulator
 * process and a gateway that starts an emulator read them.
 */
export const platformVariables = {
  EMULATOR_PROFILES: describe(
    integerText(0, maximumProfiles).optional(),
    '10000',
    'Number of profiles in the sandbox prod; dev gets a tenth. Read only when the folder is new.',
  ),
  EMULATOR_RANDOM_SEED: describe(
    integerText(0, Number.MAX_SAFE_INTEGER).optional(),
    '1',
    'Random seed of the generated data. Read only when the folder is new.',
  ),
  EMULATOR_SEED: describe(
    z.string().optional(),
    'generated data',
    'Folder with data of your own: a manifest.json with files of profiles, events, segments and datasets.',
  ),
  EMULATOR_PACE: describe(
    z.enum(paceNames).optional(),
    'real',
    'Duration of jobs: fast (at most 12 ms in addition to the work of an export job), real (2 to 7 seconds) or slow (10 times as long).',
  ),
  EMULATOR_CLOCK: describe(
    readText(parseClock, 'must be a time such as 2026-01-01T00:00:00Z, a rate such as x60, or both').optional(),
    'the clock of the machine',
    'TIME: the clock stands still at this time. xRATE: the clock runs RATE times as fast. `TIME xRATE`: both.',
  ),
  EMULATOR_QUIRKS: describe(
    readText(readQuirks, '').optional(),
    'none',
    'Settings for behaviour that the documentation leaves open: comma-separated name=value pairs, or a JSON object.',
  ),
  EMULATOR_DIR: describe(
    z.string().optional(),
    'a temporary folder, removed on exit',
    'Folder for the persistent state.',
  ),
} as const;

/** Values of the variables, as the schema returns them. */
export type PlatformVariables = z.output<z.ZodObject<typeof platformVariables>>;

/** Converts the variables to options. Relative paths are resolved against the working directory. */
export function platformOptions(values: PlatformVariables): EmulatorOptions {
  const { EMULATOR_DIR: directory, EMULATOR_SEED: seedFolder } = values;
  return present({
    profiles: values.EMULATOR_PROFILES,
    seed: values.EMULATOR_RANDOM_SEED,
    seedFolder: seedFolder === undefined ? undefined : resolve(seedFolder),
    pace: values.EMULATOR_PACE,
    time: values.EMULATOR_CLOCK,
    quirks: values.EMULATOR_QUIRKS,
    directory: directory === undefined ? undefined : resolve(directory),
  });
}

/** Reports combinations of variables that contradict each other. */
export function platformContradictions(
  given: { readonly [Name in keyof PlatformVariables]?: unknown },
): readonly string[] {
  const both = given.EMULATOR_SEED !== undefined && given.EMULATOR_PROFILES !== undefined;
  return both ? ['EMULATOR_PROFILES has no effect with EMULATOR_SEED, which brings its own profiles'] : [];
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Removes undefined members, because the options do not allow them. */
export function present<T extends object>(values: T): Present<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  // The assertion holds because the entries come from `values`.
  return Object.fromEntries(entries) as Present<T>;
}
