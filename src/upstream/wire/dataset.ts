import type { Dataset, DatasetField, NewDataset } from '../../domain/dataset.ts';
import { type DatasetId, platformId } from '../../domain/ids.ts';
import type { DecodeContext } from './decode-context.ts';
import { figuresOf } from './figures.ts';
import { propertiesOf } from './properties.ts';
import { asList, asRecord, isText, readCount, readId, readString, readText } from './readers.ts';
import { readTime } from './time.ts';

/** The Catalog properties that each field is decoded from. */
const propertiesOfField = {
  name: ['name'],
  description: ['description'],
  schemaRef: ['schemaRef'],
  fileFormat: ['fileDescription'],
  version: ['version'],
  state: ['state'],
  tags: ['tags'],
  recordCount: ['extensions'],
  sizeBytes: ['extensions'],
  measuredAt: ['extensions'],
  lastBatchId: ['lastBatchId'],
  lastSuccessfulBatchId: ['lastSuccessfulBatch'],
  createdBy: ['createdUser'],
  createdAt: ['created'],
  updatedAt: ['updated'],
} as const satisfies Record<DatasetField, readonly string[]>;
type DatasetProperty = (typeof propertiesOfField)[DatasetField][number];

/** The Catalog properties to request for some fields, or for all fields that `decodeDataset` reads. */
export const datasetProperties = (fields?: ReadonlySet<DatasetField>): readonly DatasetProperty[] =>
  propertiesOf<DatasetField, DatasetProperty>(propertiesOfField, fields);

/** Decodes a dataset. Its id is the key in the response. Any property may be missing or `{}`. */
export function decodeDataset(id: string, value: unknown, context: DecodeContext): Dataset {
  const record = asRecord<DatasetProperty>(value);
  if (record === null) context.anomaly('not-an-object');
  const schema = asRecord<'id' | 'contentType'>(record?.schemaRef);
  const schemaId = readText(schema?.id);
  const file = asRecord<'format' | 'containerFormat'>(record?.fileDescription);
  // The counts and sizes of a dataset are in the properties of its storage in the data lake.
  const figure = figuresOf(asRecord<'adobe_lakeHouse'>(record?.extensions)?.adobe_lakeHouse);
  const time = (each: unknown) => readTime(each, context);
  const lastBatchId = readId(record?.lastBatchId);
  const lastSuccessfulBatchId = readId(record?.lastSuccessfulBatch);
  return {
    id: platformId(id),
    name: readString(record?.name),
    description: readString(record?.description),
    schemaRef: schemaId === null ? null : { id: schemaId, contentType: readText(schema?.contentType) },
    fileFormat: readText(file?.format) ?? readText(file?.containerFormat),
    version: readId(record?.version),
    state: readText(record?.state),
    tags: decodeTags(record?.tags),
    recordCount: figure(readCount, 'rowCount'),
    sizeBytes: figure(readCount, 'storageSize'),
    measuredAt: figure(time, 'asOf'),
    lastBatchId: lastBatchId === null ? null : platformId(lastBatchId),
    lastSuccessfulBatchId: lastSuccessfulBatchId === null ? null : platformId(lastSuccessfulBatchId),
    createdBy: readText(record?.createdUser),
    createdAt: time(record?.created),
    updatedAt: time(record?.updated),
  };
}

const decodeTags = (value: unknown): Dataset['tags'] =>
  Object.entries(asRecord(value) ?? {}).map(([name, values]) => ({ name, values: asList(values).filter(isText) }));

/** The request body that creates a dataset. Profiles can be exported only into a dataset with `persisted`. */
export function encodeNewDataset({ name, description, schemaRef, fileFormat, tags }: NewDataset): object {
  return {
    name,
    ...(description === null ? {} : { description }),
    schemaRef,
    fileDescription: { persisted: true, containerFormat: fileFormat, format: fileFormat },
    ...(tags.length === 0 ? {} : { tags: Object.fromEntries(tags.map((tag) => [tag.name, tag.values])) }),
  };
}

const reference = /^@\/datasets\/([^/?#\s]+)$/i;

/** The id in the response to a create, which is a list of one reference, `@/dataSets/{id}` or `@/datasets/{id}`. */
export function decodeDatasetReference(value: unknown): DatasetId | null {
  const [first] = asList(value);
  const id = typeof first === 'string' ? reference.exec(first.trim())?.[1] : undefined;
  return id === undefined ? null : platformId(id);
}
