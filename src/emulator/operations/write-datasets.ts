import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Call, json, type Operation, type Platform, type Reply } from '../http/operation.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { credential, type EmulatorQuirks } from '../options.ts';
import { changedDataset } from '../store/catalog-documents.ts';
import { newDatasetDocument, rewrittenDataset } from '../store/dataset-documents.ts';
import { badRequest, notFound } from './catalog-errors.ts';
import { checkIfMatch } from './entity-tag.ts';
import { applyJsonPatch } from './json-patch.ts';

/** Number of bytes in the id of a dataset or of its view. */
const idBytes = 12;

/** Fields that Catalog validates. Other fields are stored as sent. */
const datasetBody = z.looseObject({
  name: z.string().trim().min(1),
  description: z.string().optional(),
  schemaRef: z.looseObject({ id: z.url(), contentType: z.string().min(1) }).optional(),
  fileDescription: z.looseObject({}).optional(),
  tags: z.record(z.string(), z.array(z.string())).optional(),
  enableErrorDiagnostics: z.boolean().optional(),
});

/** `POST /dataSets` */
export const createDataset: Operation = async (call, { store, clock, quirks }) => {
  const document = checked(call.body);
  const id = randomBytes(idBytes).toString('hex');
  const now = clock.now().getTime();
  const written = {
    fileDescription: { persisted: true, containerFormat: 'parquet', format: 'parquet' },
    ...document,
  };
  const facts = {
    id,
    name: String(document['name']),
    viewId: randomBytes(idBytes).toString('hex'),
    created: now,
    createdClient: credential.clientId,
    createdUser: `${credential.clientId}@techacct.adobe.com`,
  };
  await store.datasets.insert(call.sandbox, [{ id, created: now, document: newDatasetDocument(written, facts) }]);
  return reference(id, quirks, 201, { location: `/data/foundation/catalog/dataSets/${id}` });
};

/** `PATCH /dataSets/{id}`: merges the top-level fields, or applies a JSON Patch, depending on the content type. */
export const patchDataset: Operation = (call, platform) =>
  change(call, platform, (document) =>
    call.contentType === 'application/json-patch+json'
      ? applyJsonPatch(document, call.body)
      : { ...document, ...objectBody(call) },
  );

/** `PATCH /v2/dataSets/{id}`: merges objects at every depth. */
export const deepPatchDataset: Operation = (call, platform) =>
  change(call, platform, (document) => deepMerge(document, objectBody(call)));

/** `PUT /dataSets/{id}`: replaces all fields that clients may write. */
export const replaceDataset: Operation = (call, platform) => change(call, platform, () => objectBody(call));

/** `DELETE /dataSets/{id}` */
export const deleteDataset: Operation = (call, { store, quirks }) =>
  store.transaction(async ({ datasets }): Promise<Reply> => {
    const id = call.parameters['ids'] ?? '';
    const dataset = await datasets.find(call.sandbox, id);
    if (dataset === null) {
      if (quirks.unknownDatasetDelete === 'not-found') throw notFound('DataSet');
      return json([]);
    }
    checkIfMatch(call, dataset.document);
    await datasets.delete(call.sandbox, id);
    return reference(id, quirks, 200);
  });

function change(
  call: Call,
  { store, clock, quirks }: Platform,
  edit: (document: JsonObject) => JsonObject,
): Promise<Reply> {
  const id = call.parameters['ids'] ?? '';
  return store.transaction(async ({ datasets }) => {
    const dataset = await datasets.find(call.sandbox, id);
    if (dataset === null) throw notFound('DataSet');
    checkIfMatch(call, dataset.document);
    const edited = rewrittenDataset(dataset.document, checked(edit(dataset.document)));
    const changed = changedDataset(edited, clock.now().getTime(), {});
    await datasets.update(call.sandbox, id, changed);
    return reference(id, quirks, 200);
  });
}

function checked(body: unknown): JsonObject {
  const parsed = datasetBody.safeParse(body);
  if (!parsed.success || !isJsonObject(body)) {
    const issues = parsed.error?.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`) ?? [];
    throw badRequest(issues.join('; ') || 'The body must be an object.');
  }
  return body;
}

function objectBody({ body }: Call): JsonObject {
  if (!isJsonObject(body)) throw badRequest('The body must be an object.');
  return body;
}

function deepMerge(document: JsonObject, changes: JsonObject): JsonObject {
  const merged = new Map<string, JsonValue | undefined>(Object.entries(document));
  for (const [name, value] of Object.entries(changes)) {
    const present = merged.get(name);
    merged.set(name, isJsonObject(present) && isJsonObject(value) ? deepMerge(present, value) : value);
  }
  return Object.fromEntries(merged);
}

function reference(
  id: string,
  { datasetReference }: EmulatorQuirks,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { kind: 'json', status, body: [`@/${datasetReference}/${id}`], headers };
}
