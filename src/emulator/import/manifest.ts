import { readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { z } from 'zod';
import { type OwnField, OwnFieldError, ownFieldTypes, withOwnFields } from '../engine/own-fields.ts';
import { issuesOf } from '../settings/issues.ts';
import { reasonOf, SeedError } from './seed-error.ts';

const manifestName = 'manifest.json';

/** Most fields of one's own. Each is a column of the database. */
const maximumOwnFields = 200;

const file = z
  .string()
  .regex(/\.(?:jsonl|ndjson|csv|parquet)$/, 'must end in .jsonl, .ndjson, .csv or .parquet')
  .refine((path) => !isAbsolute(path) && !normalize(path).startsWith('..'), 'must be in the folder of the manifest');

const files = z.array(file).default([]);

const ownFields = z
  .record(
    z.string().regex(/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/, 'must be names with dots between them'),
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

/** Data of one's own: a folder with its manifest. */
export interface Manifest {
  readonly ownFields: readonly OwnField[];
  readonly sandboxes: readonly (readonly [name: string, sandbox: z.output<typeof sandbox>])[];
}

/**
 * Reads `manifest.json` of a folder.
 * @throws {SeedError} when it is missing, no JSON, or not in the form of a manifest
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
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new SeedError([`${manifestName} cannot be read: ${reasonOf(error)}`]);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = Number(/position (\d+)/.exec(reasonOf(error))?.[1] ?? text.length);
    const line = text.slice(0, position).split('\n').length;
    throw new SeedError([`${manifestName} line ${line}: is not JSON (${reasonOf(error)})`]);
  }
}
