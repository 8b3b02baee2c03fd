import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { credential } from '../options.ts';

/** Facts of a new dataset that its creator does not provide. */
export interface DatasetFacts {
  readonly id: string;
  readonly name: string;
  readonly viewId: string;
  /** Unix epoch milliseconds. */
  readonly created: number;
  readonly createdClient: string;
  readonly createdUser: string;
}

/**
 * Document of a new dataset.
 * @param written fields from the creator; fields that only the platform sets are replaced
 */
export function newDatasetDocument(written: JsonObject, { id, name, viewId, ...facts }: DatasetFacts): JsonObject {
  return withPlatformParts(
    {
      description: '',
      fileDescription: { format: 'parquet' },
      classification: { dataBehavior: 'record', managedBy: 'CUSTOMER' },
      enableErrorDiagnostics: false,
      schemaMetadata: { primaryKey: [], delta: [], dule: [], gdpr: [] },
      ...written,
      version: '1.0.0',
      imsOrg: credential.organization,
      namespace: 'ACP',
      // The dataset becomes ACTIVE with its first batch.
      state: 'DRAFT',
      created: facts.created,
      createdClient: facts.createdClient,
      createdUser: facts.createdUser,
      updated: facts.created,
      updatedUser: facts.createdUser,
      viewId,
      files: `@/dataSetFiles?dataSetId=${id}`,
    },
    {
      tags: { 'adobe/pqs/table': [tableName(name)], 'adobe/siphon/table/format': ['delta'] },
      extensions: { [lake]: {}, adobe_unifiedProfile: {} },
    },
  );
}

/** Fields that only the platform sets. Values from a client are ignored. */
const readOnlyFields = [
  'version',
  'imsOrg',
  'sandboxId',
  'namespace',
  'state',
  'created',
  'createdClient',
  'createdUser',
  'updated',
  'updatedUser',
  'viewId',
  'files',
];

/** A dataset after a change by a client. Fields, tags and metrics that only the platform sets keep their values. */
export function rewrittenDataset(before: JsonObject, after: JsonObject): JsonObject {
  const kept = Object.fromEntries(readOnlyFields.map((name) => [name, before[name]]));
  const tags = Object.entries(objectAt(before, 'tags')).filter(([name]) => isPlatformTag(name));
  return withPlatformParts(
    { ...after, ...kept },
    { tags: Object.fromEntries(tags), extensions: objectAt(before, 'extensions') },
  );
}

/** Whether only Catalog sets a tag. */
export function isPlatformTag(name: string): boolean {
  return name.startsWith('adobe/');
}

/** A dataset after a batch with this number of rows and bytes was added. */
export function withBatch(
  document: JsonObject,
  { rows, sizeBytes, now }: { readonly rows: number; readonly sizeBytes: number; readonly now: number },
): JsonObject {
  const extensions = objectAt(document, 'extensions');
  const held = objectAt(objectAt(extensions, lake), 'metrics');
  const metrics = {
    storageSize: Number(held['storageSize'] ?? 0) + sizeBytes,
    rowCount: Number(held['rowCount'] ?? 0) + rows,
    asOf: now,
  };
  return { ...document, state: 'ACTIVE', extensions: lakeExtensions(extensions, metrics) };
}

const lake = 'adobe_lakeHouse';

/** `asOf` is in Unix epoch milliseconds, the size is in bytes. */
function lakeExtensions(
  extensions: JsonObject,
  metrics: { readonly storageSize: number; readonly rowCount: number; readonly asOf: number },
): JsonObject {
  return { adobe_unifiedProfile: {}, ...extensions, [lake]: { ...objectAt(extensions, lake), metrics } };
}

/** The document with its own tags and extensions (such as the expiration of rows), and with the platform's. */
function withPlatformParts(
  document: JsonObject,
  platform: { readonly tags: JsonObject; readonly extensions: JsonObject },
): JsonObject {
  const { metrics } = objectAt(platform.extensions, lake);
  const own = objectAt(document, 'extensions');
  return {
    ...document,
    tags: { ...platform.tags, ...objectAt(document, 'tags') },
    extensions: { ...platform.extensions, ...own, [lake]: { ...objectAt(own, lake), metrics } },
  };
}

function objectAt(value: JsonObject, name: string): JsonObject {
  const inner: JsonValue | undefined = value[name];
  return isJsonObject(inner) ? inner : {};
}

/** Table name of a dataset in the query service. */
function tableName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '_');
}
