import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { z } from 'zod';
import { issuesOf } from '../settings/issues.ts';
import { type OwnField, OwnFieldError, ownFieldTypes, withOwnFields } from '../xdm/own-fields.ts';
import { reasonOf, SeedError } from './seed-error.ts';

const manifestName = 'manifest.json';

/** Maximum number of user-defined fields. Each is a database column. */
const maximumOwnFields = 200;

const file = z
  .string()
  .regex(/\.(?:jsonl|ndjson|csv|parquet)$/, 'must end in .jsonl, .ndjson, .csv or .parquet')
  .refine((path) => !path.includes('\0'), 'must not contain the character NUL')
  .refine(
    (path) => !isAbsolute(path) && !/^\.\.(?:[\\/]|$)/.test(normalize(path)),
    'must be in the folder of the manifest',
  );

const files = z.array(file).default([]);

const ownFields = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/, 'must be names with dots between them')
      .refine((path) => !path.split('.').includes('__proto__'), 'must not have a part __proto__'),
    z.enum(ownFieldTypes),
  )
  .refine((fields) => Object.keys(fields).length <= maximumOwnFields, `must be at most ${maximumOwnFields}`)
  .default({});

const sandbox = z.strictObject({
  title: z.string().min(1).optional(),
  type: z.enum(['production', 'development']).optional(),
  profiles: files,
  events: files,
  segments: files,
  datasets: files,
});

const manifest = z.strictObject({
  fields: z.strictObject({ profile: ownFields, event: ownFields }).prefault({}),
  sandboxes: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,254}$/, 'must be lower-case letters, digits and hyphens'), sandbox)
    .refine((sandboxes) => Object.keys(sandboxes).length > 0, 'must name at least one sandbox'),
});

/** A folder with user data, and its manifest. */
export interface Manifest {
  readonly ownFields: readonly OwnField[];
  readonly sandboxes: readonly (readonly [name: string, sandbox: z.output<typeof sandbox>])[];
}

/**
 * Reads `manifest.json` of a folder.
 * @throws {SeedError} when it is missing, is not JSON, or is not a valid manifest
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const parsed = manifest.safeParse(parseJson(await readText(join(folder, manifestName))));
  if (!parsed.success) throw new SeedError([`${manifestName}: ${issuesOf(parsed.error, 'manifest')}`]);
  const { fields, sandboxes } = parsed.data;
  const own = (['profile', 'event'] as const).flatMap((of) =>
    Object.entries(fields[of]).map(([path, type]) => ({ of, path, type })),
  );
  try {
    withOwnFields(own);
  } catch (error) {
    throw error instanceof OwnFieldError ? new SeedError([`${manifestName}: ${error.message}`]) : error;
  }
  return { ownFields: own, sandboxes: Object.entries(sandboxes) };
}

async function readText(path: string): Promise<string> {
  try {
    // Removes the byte order mark, because JSON must not contain it.
    return (await readFile(path, 'utf8')).replace(/^\ufeff/, '');
  } catch (error) {
    throw new SeedError([`${manifestName} cannot be read: ${reasonOf(error)}`]);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const [reason = ''] = reasonOf(error).split(', ');
    throw new SeedError([`${manifestName} line ${lineOf(error, text.trimEnd())}: is not JSON (${reason})`]);
  }
}

/**
 * Line of a syntax error. If the error has no position, this is the last line, or the first line with the unexpected
 * token.
 */
function lineOf(error: unknown, text: string): number {
  const position = /position (\d+)/.exec(reasonOf(error))?.[1];
  if (position !== undefined) return text.slice(0, Number(position)).split('\n').length;
  const lines = text.split('\n');
  const wrong = lines.findIndex((_, index) => hasWrongToken(lines.slice(0, index + 1).join('\n')));
  return wrong === -1 ? lines.length : wrong + 1;
}

function hasWrongToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return reasonOf(error).startsWith('Unexpected token');
  }
}
