import { profileDatasets } from '../catalog/population.ts';
import { exportServiceUser, unionSchemaId } from '../store/catalog-documents.ts';
import { newDatasetDocument, withBatch } from '../store/dataset-documents.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import type { Draws } from './platform-state-draws.ts';

const dayMs = 86_400_000;
const contentType = 'application/vnd.adobe.xed+json;version=1';

/** Values from which a dataset is created. */
export interface DatasetTemplate {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly schemaId: string;
  readonly ageDays: number;
  readonly tags: Readonly<Record<string, readonly string[]>>;
  readonly dataBehavior: 'record' | 'time-series';
  /** Number of ingested rows; null for datasets that exports write to. */
  readonly rows: number | null;
}

/**
 * Datasets that exports write to. They have the ids of the platform's documented samples, so that the samples work
 * unchanged.
 */
const exportDatasets = {
  prod: [
    ['5b020a27e7040801dedba61b', 'Profile Data Export', 'All profiles, for the data warehouse.'],
    ['5b7c86968f7b6501e21ba9df', 'Segment Export', 'Members of segments, for campaign tools.'],
    ['5cf6bcf79ecc7c14530fe436', 'Event History Export', 'Experience events by person.'],
    ['5bb4c46757920712f924a3eb', 'Weekly Identity Snapshot', 'Identities and addresses, once a week.'],
  ],
  dev: [
    ['5d8a1b6e2f9c4e0018a7c301', 'Profile Export Trial', 'For trying exports out.'],
    ['5d8a1b6e2f9c4e0018a7c302', 'Segment Export Trial', 'For trying segment exports out.'],
  ],
} as const;

/** Name of a seeded sandbox. */
export type SeededSandbox = keyof typeof exportDatasets;

/** Ids of the datasets on the union schema, in a fixed order. */
export function exportDatasetIds(sandbox: SeededSandbox): readonly string[] {
  return exportDatasets[sandbox].map(([id]) => id);
}

/** A dataset that is not on the union schema, so profiles cannot be exported to it. */
export const webEventsDatasetId = '5e3f0b7a9d1c2b00194f7d21';

/** Numbers of rows ingested from the sources of a sandbox. */
export interface IngestedRows {
  readonly crm: number;
  readonly loyalty: number;
  readonly events: number;
}

/** Approximate number of bytes per row in the data lake. */
export const bytesPerRow = 120;

/** Datasets of a sandbox before the first export. */
export function seededDatasets(sandbox: SeededSandbox, rows: IngestedRows, draws: Draws, now: Date): Dataset[] {
  return templatesOf(sandbox, rows).map((template) => datasetFrom(template, draws, now));
}

/** A dataset before the first export. */
export function datasetFrom(template: DatasetTemplate, draws: Draws, now: Date): Dataset {
  const { id, name, description } = template;
  const created = now.getTime() - template.ageDays * dayMs - draws.integer(`dataset ${id}`, 0, dayMs);
  const empty = newDatasetDocument(
    {
      name,
      description,
      enableErrorDiagnostics: false,
      classification: { dataBehavior: template.dataBehavior, managedBy: 'CUSTOMER' },
      fileDescription: { persisted: true, containerFormat: 'parquet', format: 'parquet' },
      schemaRef: { id: template.schemaId, contentType },
      tags: template.tags,
    },
    {
      id,
      name,
      viewId: draws.hex(`view of ${id}`, 24),
      created,
      createdClient: 'acp_ui_platform',
      createdUser: exportServiceUser,
    },
  );
  const ingested = template.rows;
  if (ingested === null) return { id, created, document: empty };
  const batch = { rows: ingested, sizeBytes: ingested * bytesPerRow, now: now.getTime() };
  return { id, created, document: withBatch(empty, batch) };
}

/**
 * A dataset with the rows of past exports that it still contains. The size is an estimate, because their files are not
 * written yet.
 */
export function withPastRows(dataset: Dataset, rows: number, now: number): Dataset {
  return { ...dataset, document: withBatch(dataset.document, { rows, sizeBytes: rows * bytesPerRow, now }) };
}

const profileTags = { unifiedProfile: ['enabled:true'], unifiedIdentity: ['enabled:true'], purpose: ['ingestion'] };

function templatesOf(sandbox: SeededSandbox, rows: IngestedRows): readonly DatasetTemplate[] {
  return [
    ...exportDatasets[sandbox].map(([id, name, description], index) => ({
      id,
      name,
      description,
      schemaId: unionSchemaId,
      ageDays: 200 - 30 * index,
      tags: { purpose: ['export'] },
      dataBehavior: 'record' as const,
      rows: null,
    })),
    ...profileDatasets.map(({ id, name, description, source }, index) => ({
      id,
      name,
      description,
      schemaId: `https://ns.adobe.com/emulator/schemas/${source}_profile`,
      ageDays: 500 - 60 * index,
      tags: profileTags,
      dataBehavior: 'record' as const,
      rows: rows[source],
    })),
    {
      id: webEventsDatasetId,
      name: 'Web Events',
      description: 'Page views and orders of the web shop.',
      schemaId: 'https://ns.adobe.com/emulator/schemas/web_events',
      ageDays: 480,
      tags: profileTags,
      dataBehavior: 'time-series',
      rows: rows.events,
    },
  ];
}
