import { profileDatasets } from '../catalog/population.ts';
import { countProfiles } from '../engine/export-profiles.ts';
import { planBatches } from '../jobs/export-selection.ts';
import { changedDataset } from '../store/catalog-documents.ts';
import type { Database } from '../store/connection.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import type { Batch } from '../store/platform-store-batches.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import type { ExportJob } from '../store/platform-store-export-jobs.ts';
import type { Sandbox } from '../store/platform-store-sandboxes.ts';
import { consolidated } from './platform-state-consolidation.ts';
import { type IngestedRows, type SeededSandbox, seededDatasets, withPastRows } from './platform-state-datasets.ts';
import { Draws } from './platform-state-draws.ts';
import { pastJobs } from './platform-state-jobs.ts';
import { seededRequests } from './platform-state-requests.ts';
import { pastSegmentJobs } from './platform-state-segment-jobs.ts';
import { seededDefinitions, seededSchedules } from './platform-state-segments.ts';
import { seedPopulation } from './population.ts';
import { countSegments } from './segment-counts.ts';

/** Number of profiles in `prod` per profile in `dev`. */
const devShare = 10;

export interface PlatformSeed {
  /** Number of profiles in the sandbox `prod`. */
  readonly profiles: number;
  readonly seed: number;
  /** Time at which the seeded history ends. */
  readonly now: Date;
}

/** Fills the sandboxes of a new platform. An existing sandbox does not change. */
export async function seedPlatform(database: Database, store: PlatformStore, options: PlatformSeed): Promise<void> {
  await seedSandbox('prod', database, store, options);
  const profiles = Math.max(1, Math.floor(options.profiles / devShare));
  await seedSandbox('dev', database, store, { ...options, profiles });
}

async function seedSandbox(
  name: SeededSandbox,
  database: Database,
  store: PlatformStore,
  { profiles, seed, now }: PlatformSeed,
): Promise<void> {
  if ((await store.sandboxes.find(name)) !== null) return;
  await seedPopulation(database, { sandbox: name, profiles, seed, now });

  const draws = new Draws(seed, name);
  const history = await pastJobs(
    name,
    seededRequests(name, now),
    { draws, now, firstId: await store.exportJobs.nextId() },
    profileCounter(database),
  );
  const batches = history.flatMap((each) => each.batches);
  const definitions = seededDefinitions(draws, now);
  const schedules = seededSchedules(name, draws, now);
  const segmentHistory = pastSegmentJobs({
    sandbox: name,
    definitions,
    schedules,
    counts: await countSegments(
      database,
      name,
      definitions.map(({ id }) => id),
    ),
    draws,
    now,
    firstId: await store.segmentJobs.nextComputeJobId(),
  });
  const ingested = await countIngestedRows(database, name);
  const datasets = seededDatasets(name, ingested, draws, now).map((dataset) => withLastBatches(dataset, batches));
  const source = datasets.find(({ id }) => id === profileDatasets[0].id);
  const replayed = source === undefined ? null : consolidated(source, ingested.crm, draws, now);
  await store.transaction(async (records) => {
    await records.datasets.insert(
      name,
      datasets.map((dataset) => (dataset.id === replayed?.dataset.id ? replayed.dataset : dataset)),
    );
    await records.batches.insert(name, replayed === null ? batches : [...batches, replayed.batch]);
    await records.exportJobs.insert(history.map(({ job }) => job));
    await records.segmentDefinitions.insert(name, definitions);
    for (const schedule of schedules) await records.schedules.insert(schedule);
    await records.segmentJobs.insert(segmentHistory);
    await records.sandboxes.insert(sandboxOf(name, draws, now));
  });
}

/** Counts the rows that the sources of a sandbox have ingested. */
export async function countIngestedRows(database: Database, sandbox: string): Promise<IngestedRows> {
  const rows = await database.all<{ source: keyof IngestedRows; rows: number }>(
    `SELECT source::VARCHAR AS source, count(*) AS rows FROM profile_fragments
     WHERE sandbox = $1 AND source <> 'events' GROUP BY ALL
     UNION ALL SELECT 'events', count(*) FROM experience_events WHERE sandbox = $1`,
    [sandbox],
  );
  return { crm: 0, loyalty: 0, events: 0, ...Object.fromEntries(rows.map((each) => [each.source, each.rows])) };
}

/** Counts the profiles of each batch of a job. Jobs with the same request are counted only once. */
function profileCounter(database: Database): (job: ExportJob) => Promise<readonly number[]> {
  const counted = new Map<string, Promise<number>>();
  return (job) =>
    Promise.all(
      planBatches(job).map(({ selection }) => {
        const key = JSON.stringify(selection);
        const count = counted.get(key) ?? countProfiles(database, selection);
        counted.set(key, count);
        return count;
      }),
    );
}

/** @param batches batches of the sandbox, oldest first */
function withLastBatches(dataset: Dataset, batches: readonly Batch[]): Dataset {
  const own = batches.filter(({ datasetId }) => datasetId === dataset.id);
  const last = own.at(-1);
  if (last === undefined) return dataset;
  const succeeded = own.findLast(({ document }) => document.status === 'success' || document.status === 'inactive');
  const failed = own.findLast(({ document }) => document.status === 'failed' || document.status === 'failure');
  const held = own.filter(({ document }) => document.status === 'success');
  const rows = held.reduce((sum, { document }) => sum + Number(document['recordCount'] ?? 0), 0);
  const updated = Math.max(...own.map(({ document }) => Number(document['updated'])));
  const filled = succeeded === undefined ? dataset : withPastRows(dataset, rows, updated);
  const document = changedDataset(filled.document, updated, {
    lastBatchId: last.id,
    lastBatchStatus: last.document.status,
    lastSuccessfulBatch: succeeded?.id,
    lastFailedBatch: failed?.id,
  });
  return { ...dataset, document };
}

const sandboxAgeDays = { prod: 700, dev: 420 } as const satisfies Record<SeededSandbox, number>;
const dayMs = 86_400_000;

function sandboxOf(name: SeededSandbox, draws: Draws, now: Date): Sandbox {
  const created = new Date(now.getTime() - sandboxAgeDays[name] * dayMs);
  const date = created.toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ');
  return {
    id: draws.uuid('sandbox'),
    name,
    title: name === 'prod' ? 'Production' : 'Development',
    state: 'active',
    type: name === 'prod' ? 'production' : 'development',
    region: 'VA7',
    isDefault: name === 'prod',
    eTag: 1,
    createdDate: date,
    lastModifiedDate: date,
    createdBy: 'admin@AdobeID',
    modifiedBy: 'admin@AdobeID',
  };
}
