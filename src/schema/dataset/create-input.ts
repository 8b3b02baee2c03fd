import { z } from 'zod';
import type { GatewayContext } from '../../context/context.ts';
import { type Dataset, type NewDataset, unionProfileSchema } from '../../domain/dataset.ts';
import { type DatasetId, platformId } from '../../domain/ids.ts';
import { builder } from '../builder.ts';
import { readAfterWrite } from '../common/after-write.ts';
import { createIdempotently, idempotencyKeyInput } from '../common/idempotency.ts';
import { distinct, listInput, nonEmpty, nullable, optional, textInput, uriInput } from '../common/input.ts';

const schemaContentType = 'application/vnd.adobe.xed+json;version=1';

const SchemaRefInput = builder.inputType('SchemaRefInput', {
  description: 'The XDM schema of a dataset.',
  fields: (t) => ({
    id: t.field({ type: 'URL', required: true, description: 'URI of the schema.' }),
    contentType: t.string({
      description: `Media type with the version of the schema; \`${schemaContentType}\` by default.`,
    }),
  }),
});

const TagInput = builder.inputType('TagInput', {
  description: 'A tag and its values.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Name of the tag.' }),
    values: t.stringList({ required: true, description: 'Values of the tag; can be empty.' }),
  }),
});

export const CreateDatasetInput = builder.inputType('CreateDatasetInput', {
  description:
    'The dataset to create. With the defaults an export can write to it: union profile schema, persisted, format parquet.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Name of the dataset.' }),
    description: t.string({ description: 'Purpose of the dataset, in words.' }),
    schemaRef: t.field({
      type: SchemaRefInput,
      description: 'Schema of the records; the union profile schema by default.',
    }),
    fileFormat: t.string({ description: 'Format of the files; `parquet` by default.' }),
    tags: t.field({ type: [TagInput], description: 'Tags of the dataset. Each name may occur once.' }),
    idempotencyKey: t.string({
      description:
        'Makes the request safe to repeat: for 24 hours, the same key with the same input returns the first dataset and creates nothing. At most 200 characters.',
    }),
  }),
});

/** Rules that are checked before the platform is called. */
export const createDatasetInput = z.object({
  name: nonEmpty(500),
  description: nullable(textInput(4_000)),
  schemaRef: optional(z.object({ id: uriInput, contentType: optional(nonEmpty(200)) })),
  fileFormat: optional(nonEmpty(50)),
  tags: optional(
    listInput(z.object({ name: nonEmpty(200), values: listInput(textInput(1_000), { maximum: 100 }) }), {
      maximum: 100,
    }).superRefine(distinct(({ name }) => name, ['name'])),
  ),
  idempotencyKey: idempotencyKeyInput,
});

type WriteContext = Pick<GatewayContext, 'writes' | 'loaders' | 'clock' | 'idempotent' | 'watch'>;
type CreateDataset = z.output<typeof createDatasetInput>;

/** Creates a dataset, or returns the dataset that the same idempotency key created before. */
export async function createDataset(ctx: WriteContext, { idempotencyKey, ...input }: CreateDataset): Promise<Dataset> {
  const { created } = await createIdempotently(ctx, {
    operation: 'createDataset',
    entity: 'Dataset',
    key: idempotencyKey,
    input,
    create: async (starting) => {
      await starting();
      return await createAndRead(ctx, input);
    },
    find: (id) => ctx.loaders.dataset.load(platformId<DatasetId>(id)),
  });
  return created;
}

/** Creates the dataset and reads it, because the platform's response to a create contains the id alone. */
async function createAndRead(ctx: WriteContext, input: Omit<CreateDataset, 'idempotencyKey'>): Promise<Dataset> {
  const dataset: NewDataset = {
    name: input.name,
    description: input.description,
    schemaRef: {
      id: input.schemaRef?.id ?? unionProfileSchema,
      contentType: input.schemaRef?.contentType ?? schemaContentType,
    },
    fileFormat: input.fileFormat ?? 'parquet',
    tags: input.tags ?? [],
  };
  const id = await ctx.writes.datasets.create(dataset);
  ctx.watch('datasets').nudge();
  const assumed: Dataset = {
    ...dataset,
    id,
    version: null,
    state: null,
    recordCount: null,
    sizeBytes: null,
    measuredAt: null,
    lastBatchId: null,
    lastSuccessfulBatchId: null,
    createdBy: null,
    createdAt: null,
    updatedAt: null,
  };
  // Null if the platform's store does not show the write yet.
  return (await readAfterWrite(ctx, () => ctx.loaders.dataset.load(id), assumed)) ?? assumed;
}
