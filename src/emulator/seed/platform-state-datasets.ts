import type { JsonObject } from '../json.ts';
import { credential } from '../options.ts';
import { exportServiceUser, unionSchemaId } from '../store/catalog-documents.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import type { Draws } from './platform-state-draws.ts';
import { profileDatasets } from './population.ts';

const dayMs = 86_400_000;
const contentType = 'application/vnd.adobe.xed+json;version=1';

interface DatasetTemplate {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly schemaId: string;
  readonly ageDays: number;
  readonly tags: Readonly<Record<string, readonly string[]>>;
}

/** Datasets that exports write to. The ids are those of the platform's documented samples, so that these work as they are. */
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

/** A sandbox that is seeded. */
export type SeededSandbox = keyof typeof exportDatasets;

/** The ids of the datasets on the union schema, in a fixed order. */
export function exportDatasetIds(sandbox: SeededSandbox): readonly string[] {
  return exportDatasets[sandbox].map(([id]) => id);
}

/** A dataset that no profile can be exported to: it is not on the union schema. */
export const webEventsDatasetId = '5e3f0b7a9d1c2b00194f7d21';

/** The datasets of a sandbox before anything was written to them. */
export function seededDatasets(sandbox: SeededSandbox, draws: Draws, now: Date): Dataset[] {
  return templatesOf(sandbox).map(({ id, name, description, schemaId, ageDays, tags }) => {
    const created = now.getTime() - ageDays * dayMs - draws.integer(`dataset ${id}`, 0, dayMs);
    const viewId = draws.hex(`view of ${id}`, 24);
    const document: JsonObject = {
      version: '1.0.0',
      imsOrg: credential.organization,
      name,
      description,
      created,
      createdClient: 'acp_ui_platform',
      createdUser: exportServiceUser,
      updated: created,
      updatedUser: exportServiceUser,
      viewId,
      fileDescription: { persisted: true, containerFormat: 'parquet', format: 'parquet' },
      schemaRef: { id: schemaId, contentType },
      files: `@/dataSets/${id}/views/${viewId}/files`,
      tags,
    };
    return { id, created, document };
  });
}

function templatesOf(sandbox: SeededSandbox): readonly DatasetTemplate[] {
  return [
    ...exportDatasets[sandbox].map(([id, name, description], index) => ({
      id,
      name,
      description,
      schemaId: unionSchemaId,
      ageDays: 200 - 30 * index,
      tags: { 'unifiedProfile/enabled': ['false'], purpose: ['export'] },
    })),
    ...profileDatasets.map(({ id, name, description, source }, index) => ({
      id,
      name,
      description,
      schemaId: `https://ns.adobe.com/emulator/schemas/${source}_profile`,
      ageDays: 500 - 60 * index,
      tags: { 'unifiedProfile/enabled': ['true'], purpose: ['ingestion'] },
    })),
    {
      id: webEventsDatasetId,
      name: 'Web Events',
      description: 'Page views and orders of the web shop.',
      schemaId: 'https://ns.adobe.com/emulator/schemas/web_events',
      ageDays: 480,
      tags: { 'unifiedProfile/enabled': ['true'], purpose: ['ingestion'] },
    },
  ];
}
