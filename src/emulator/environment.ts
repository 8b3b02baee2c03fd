import { resolve } from 'node:path';
import { z } from 'zod';
import { logLevels } from '../runtime/logger.ts';
import { unknownVariables } from '../runtime/unknown-variables.ts';
import type { EmulatorOptions } from './options.ts';

/** Most profiles that can be asked for. */
const maximumProfiles = 50_000_000;

const integerText = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be an integer from ${minimum} to ${maximum}`)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be an integer from ${minimum} to ${maximum}`);

const variables = z.object({
  EMULATOR_PORT: integerText(0, 65_535).default(4010),
  EMULATOR_HOST: z.string().default('127.0.0.1'),
  EMULATOR_PROFILES: integerText(1, maximumProfiles).optional(),
  EMULATOR_DIR: z.string().optional(),
  LOG_LEVEL: z.enum(logLevels).default('info'),
});

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
