import { resolve } from 'node:path';
import { z } from 'zod';
import { integer, optionalVariable, variable } from '../runtime/variable.ts';
import { defaultPaceName, defaultSeeding, type EmulatorOptions, paceNames } from './options.ts';
import { parseClock } from './settings/emulator-clock.ts';
import { QuirkError, readQuirks } from './settings/quirk-values.ts';

/** Maximum number of profiles. */
const maximumProfiles = 50_000_000;

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

/**
 * Variables that describe the data and the behaviour of an emulator. They are defined once, because both the emulator
 * process and a gateway that starts an emulator read them.
 */
export const platformVariables = {
  EMULATOR_PROFILES: variable(
    integer(0, maximumProfiles),
    defaultSeeding.profiles,
    'Number of profiles in the sandbox prod; dev gets a tenth. Read only when the folder is new.',
  ),
  EMULATOR_RANDOM_SEED: variable(
    integer(0, Number.MAX_SAFE_INTEGER),
    defaultSeeding.seed,
    'Random seed of the generated data. Read only when the folder is new.',
  ),
  EMULATOR_SEED: optionalVariable(
    z.string(),
    'generated data',
    'Folder with data of your own: a manifest.json with files of profiles, events, segments and datasets.',
  ),
  EMULATOR_PACE: variable(
    z.enum(paceNames, `must be ${paceNames.slice(0, -1).join(', ')} or ${paceNames.at(-1)}`),
    defaultPaceName,
    'Duration of jobs: fast (at most 12 ms in addition to the work of an export job), real (2 to 7 seconds) or slow (10 times as long).',
  ),
  EMULATOR_CLOCK: optionalVariable(
    readText(parseClock, 'must be a time such as 2026-01-01T00:00:00Z, a rate such as x60, or both'),
    'the clock of the machine',
    'TIME: the clock stands still at this time. xRATE: the clock runs RATE times as fast. `TIME xRATE`: both.',
  ),
  EMULATOR_QUIRKS: optionalVariable(
    readText(readQuirks, ''),
    'none',
    'Settings for behaviour that the documentation leaves open: comma-separated name=value pairs, or a JSON object.',
  ),
  EMULATOR_DIR: optionalVariable(z.string(), 'a temporary folder, removed on exit', 'Folder for the persistent state.'),
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
export function platformContradictions(isGiven: (name: keyof PlatformVariables) => boolean): readonly string[] {
  const both = isGiven('EMULATOR_SEED') && isGiven('EMULATOR_PROFILES');
  return both ? ['EMULATOR_PROFILES has no effect with EMULATOR_SEED, which brings its own profiles'] : [];
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Removes undefined members, because the options do not allow them. */
export function present<T extends object>(values: T): Present<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  // The assertion holds because the entries come from `values`.
  return Object.fromEntries(entries) as Present<T>;
}
