import type { Call, Platform } from '../http/operation.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import { isPlatformTag } from '../store/dataset-documents.ts';
import type { CatalogKind, CatalogObject } from './catalog-query.ts';

/** Observed fields of datasets and batches that the documentation does not list. */
const newerFields = [
  'id',
  'sandboxId',
  'classification',
  'state',
  'extensions',
  'schemaMetadata',
  'enableErrorDiagnostics',
];
/** Fields of a batch that recorded responses contain only in `metrics`. */
const countedFields = ['recordCount', 'failedRecordCount', 'size'];

type RecordQuirks = Pick<EmulatorQuirks, 'recordFields' | 'batchCounts'>;

/** Stored objects with the id of the sandbox, which the response includes in each of them. */
export async function inSandbox<Stored extends CatalogObject>(
  objects: readonly Stored[],
  { sandbox }: Pick<Call, 'sandbox'>,
  { store }: Pick<Platform, 'store'>,
): Promise<CatalogObject[]> {
  const sandboxId = (await store.sandboxes.find(sandbox))?.id;
  return objects.map(({ id, document }) => ({ id, document: { ...document, sandboxId } }));
}

export function datasetKind({ recordFields }: RecordQuirks): CatalogKind {
  return {
    fields: [
      'name',
      'description',
      'version',
      'state',
      'namespace',
      'createdClient',
      'createdUser',
      'updatedUser',
      'basePath',
      'enableErrorDiagnostics',
      'dataSourceId',
      'lastBatchId',
      'lastBatchStatus',
      'lastSuccessfulBatch',
      'lastFailedBatch',
    ],
    show: (dataset) => (recordFields === 'observed' ? dataset.document : documentedDataset(dataset)),
  };
}

export function batchKind({ recordFields, batchCounts }: RecordQuirks): CatalogKind {
  const newer = recordFields === 'documented' ? newerFields : [];
  return {
    fields: ['status', 'externalId', 'started', 'completed', ...countedFields],
    show: ({ id, document }) => {
      const counted = batchCounts === 'top-level' ? ['metrics'] : [...countedFields, ...timesInMetrics(document)];
      const failed = document['status'] === 'failed' || document['status'] === 'failure';
      const errors = recordFields === 'documented' ? documentedBatchFields(document) : {};
      const located = failed ? { failedBatchLocation: `/failed/${id}` } : {};
      return without({ id, externalId: id, ...document, ...located, ...errors }, [...newer, ...counted]);
    },
  };
}

/** One of the two generations of metrics also has the times; the top level then omits them. */
function timesInMetrics({ metrics }: JsonObject): readonly string[] {
  return isJsonObject(metrics) && metrics['startTime'] !== undefined ? ['started', 'completed'] : [];
}

/** Every batch has errors, without the number of affected rows. */
function documentedBatchFields({ errors }: JsonObject): JsonObject {
  if (!Array.isArray(errors)) return { errors: [], availableDates: {} };
  return {
    availableDates: {},
    errors: errors.map((error: JsonValue) => (isJsonObject(error) ? without(error, ['recordCount']) : error)),
  };
}

export function lastBatchKind(): CatalogKind {
  return {
    fields: ['lastBatchId', 'lastBatchStatus', 'lastSuccessfulBatchId', 'lastFailedBatchId'],
    show: ({ document }) => document,
  };
}

/** A dataset without the tags that the platform sets itself. */
function documentedDataset({ id, document }: CatalogObject): JsonObject {
  const tags = Object.entries(isJsonObject(document['tags']) ? document['tags'] : {});
  const own = tags.filter(([name]) => !isPlatformTag(name));
  return {
    ...without(document, newerFields),
    status: 'enabled',
    dule: {},
    statsCache: {},
    files: `@/dataSets/${id}/views/${document['viewId']}/files`,
    tags: Object.fromEntries(own),
  };
}

function without(document: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(document).filter(([name]) => !names.includes(name)));
}
