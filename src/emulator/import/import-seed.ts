import { evaluateSegments, SegmentExpressionError } from '../engine/evaluate-segments.ts';
import { countIngestedRows } from '../seed/platform-state.ts';
import { seededDatasets } from '../seed/platform-state-datasets.ts';
import { Draws } from '../seed/platform-state-draws.ts';
import type { Database, Session } from '../store/connection.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import type { Sandbox } from '../store/platform-store-sandboxes.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import { type PlacedSegment, readDatasets, readSegments } from './catalog-records.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { importPopulation } from './profiles-and-events.ts';
import { readRecords, type SeedRecord } from './read-records.ts';
import { SeedError, SeedIssues } from './seed-error.ts';

export interface SeedImport {
  /** Folder that contains the manifest. */
  readonly folder: string;
  /** Seed for generating the ids that the files leave out. */
  readonly seed: number;
  readonly now: Date;
  readonly signal: AbortSignal | undefined;
}

type SandboxFiles = Manifest['sandboxes'][number][1];

/**
 * Creates the sandboxes of a new platform from user data, and evaluates their segments. A platform that already has a
 * sandbox does not change.
 * @throws {SeedError} when the data cannot be used
 * @throws the reason of `signal`, when it aborts
 */
export async function importSeed(database: Database, store: PlatformStore, options: SeedImport): Promise<void> {
  if ((await store.sandboxes.list()).length > 0) return;
  const { ownFields, sandboxes } = await readManifest(options.folder);
  await database.addFields(ownFields);
  const imported: ImportedSandbox[] = [];
  for (const [name, files] of sandboxes) imported.push(await importSandbox(name, files, database, options));
  // All sandboxes are written in one transaction, so a platform that has one sandbox has all of them.
  await store.transaction(async ({ datasets, segmentDefinitions, sandboxes: target }) => {
    for (const [position, { sandbox, ...own }] of imported.entries()) {
      await datasets.insert(sandbox.name, own.datasets);
      await segmentDefinitions.insert(sandbox.name, own.definitions);
      await target.insert({ ...sandbox, isDefault: position === 0 });
    }
  });
}

interface ImportedSandbox {
  readonly sandbox: Sandbox;
  readonly datasets: readonly Dataset[];
  readonly definitions: readonly SegmentDefinition[];
}

/** Writes the profiles, events and segments, and returns the rest. */
async function importSandbox(
  name: string,
  files: SandboxFiles,
  database: Database,
  { folder, seed, now, signal }: SeedImport,
): Promise<ImportedSandbox> {
  const draws = new Draws(seed, name);
  const { segments, datasets } = await database.session(
    (session) =>
      session.transaction(async () => {
        const issues = new SeedIssues();
        const records = (names: readonly string[]) => readAll(names, folder, { session, issues, signal });
        await forget(session, name);
        await importPopulation(session, {
          ...{ sandbox: name, fields: database.fields, now, issues },
          profiles: records(files.profiles),
          events: records(files.events),
        });
        const segments = await readSegments(records(files.segments), { draws, now, issues });
        const datasets = await readDatasets(records(files.datasets), { draws, now, issues });
        issues.throwIfAny();
        return { segments, datasets };
      }),
    signal,
  );
  await evaluate(database, name, segments, now, signal);
  return {
    sandbox: sandboxOf(name, files, draws, now),
    datasets: files.datasets.length > 0 ? datasets : await generatedDatasets(name, database, draws, now),
    definitions: segments.map(({ definition }) => definition),
  };
}

async function generatedDatasets(name: string, database: Database, draws: Draws, now: Date) {
  return seededDatasets(name === 'dev' ? 'dev' : 'prod', await countIngestedRows(database, name), draws, now);
}

async function* readAll(
  files: readonly string[],
  folder: string,
  context: Parameters<typeof readRecords>[2],
): AsyncGenerator<SeedRecord> {
  for (const file of files) yield* readRecords(folder, file, context);
}

/** Removes the rows of an earlier import that was interrupted before it created the sandbox. */
async function forget(session: Session, sandbox: string): Promise<void> {
  for (const table of ['profile_fragments', 'experience_events', 'segment_memberships']) {
    await session.run(`DELETE FROM ${table} WHERE sandbox = $1`, [sandbox]);
  }
}

async function evaluate(
  database: Database,
  sandbox: string,
  segments: readonly PlacedSegment[],
  now: Date,
  signal: AbortSignal | undefined,
): Promise<void> {
  const evaluated = segments.map(({ definition: { id, expression, mergePolicyId } }) => ({
    id,
    expression: expression.value,
    mergePolicyId,
  }));
  try {
    await evaluateSegments(database, { sandbox, segments: evaluated, now }, signal);
  } catch (error) {
    if (!(error instanceof SegmentExpressionError)) throw error;
    const location = segments.find(({ definition }) => definition.id === error.segmentId)?.location ?? sandbox;
    throw new SeedError([`${location}: expression: ${error.cause.message}`]);
  }
}

function sandboxOf(name: string, { title, type }: SandboxFiles, draws: Draws, now: Date): Sandbox {
  const date = now.toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ');
  return {
    id: draws.uuid('sandbox'),
    name,
    title: title ?? name,
    state: 'active',
    type: type ?? (name === 'prod' ? 'production' : 'development'),
    region: 'VA7',
    isDefault: false,
    eTag: 1,
    createdDate: date,
    lastModifiedDate: date,
    createdBy: 'admin@AdobeID',
    modifiedBy: 'admin@AdobeID',
  };
}
