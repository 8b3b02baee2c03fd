import { z } from 'zod';
import { findMergePolicy, UnknownMergePolicyError } from '../catalog/find-merge-policy.ts';
import { type DatasetTemplate, datasetFrom } from '../seed/platform-state-datasets.ts';
import type { Draws } from '../seed/platform-state-draws.ts';
import { issuesOf } from '../settings/issues.ts';
import { unionSchemaId } from '../store/catalog-documents.ts';
import type { Dataset } from '../store/platform-store-datasets.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import type { SeedRecord } from './read-records.ts';
import type { SeedIssues } from './seed-error.ts';

/** Id that is used as a path segment of URLs, where `.` and `..` have a special meaning. */
const id = z.string().regex(/^(?!\.{1,2}$)[\w.~-]{1,200}$/, 'must be 1 to 200 letters, digits and _ . ~ -');

const segmentRecord = z.strictObject({
  id: id.optional(),
  name: z.string().min(1),
  description: z.string().default(''),
  /** PQL text. */
  expression: z.string().min(1),
  mergePolicyId: z.string().optional(),
});

const datasetRecord = z.strictObject({
  id: id.optional(),
  name: z.string().min(1),
  description: z.string().default(''),
  /** Whether profiles can be exported into the dataset. CSV files contain the value as text. */
  profileExport: z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]).default(true),
});

/** A segment definition and the location of its record. */
export interface PlacedSegment {
  readonly location: string;
  readonly definition: SegmentDefinition;
}

/** Source of default values for records, and collector of issues. */
export interface RecordContext {
  readonly draws: Draws;
  readonly now: Date;
  readonly issues: SeedIssues;
}

export async function readSegments(
  records: AsyncIterable<SeedRecord>,
  context: RecordContext,
): Promise<readonly PlacedSegment[]> {
  const segments = await readNamed(records, segmentRecord, context);
  return segments.flatMap(({ location, record, id }, index) => {
    const mergePolicyId = mergePolicyOf(record.mergePolicyId, location, context.issues);
    if (mergePolicyId === null) return [];
    // Creation times follow the order of the records, because lists are sorted by them.
    const creationTime = context.now.getTime() - segments.length + index;
    const { name, description, expression: value } = record;
    const definition: SegmentDefinition = {
      ...{ id: id ?? context.draws.uuid(`segment ${name} ${index}`), name, description, mergePolicyId },
      expression: { type: 'PQL', format: 'pql/text', value },
      evaluation: { batch: true, continuous: false, synchronous: false },
      ...{ creationTime, updateTime: creationTime },
    };
    return [{ location, definition }];
  });
}

function mergePolicyOf(id: string | undefined, location: string, issues: SeedIssues): string | null {
  try {
    return findMergePolicy(id ?? null).id;
  } catch (error) {
    if (!(error instanceof UnknownMergePolicyError)) throw error;
    issues.add(location, error.message);
    return null;
  }
}

const contentSchema = 'https://ns.adobe.com/emulator/schemas/own';
const oneDay = 1;
const idDigits = 24;

export async function readDatasets(
  records: AsyncIterable<SeedRecord>,
  context: RecordContext,
): Promise<readonly Dataset[]> {
  const { draws, now } = context;
  return (await readNamed(records, datasetRecord, context)).map(({ record, id }, index) => {
    const template: DatasetTemplate = {
      id: id ?? draws.hex(`dataset ${record.name} ${index}`, idDigits),
      name: record.name,
      description: record.description,
      schemaId: record.profileExport ? unionSchemaId : contentSchema,
      ageDays: oneDay,
      tags: {},
      dataBehavior: 'record',
      rows: null,
    };
    return datasetFrom(template, draws, now);
  });
}

/** Reads records with optional ids. Ids must be unique. */
async function readNamed<Schema extends z.ZodType<{ id?: string | undefined }>>(
  records: AsyncIterable<SeedRecord>,
  schema: Schema,
  { issues }: RecordContext,
): Promise<{ location: string; record: z.output<Schema>; id: string | undefined }[]> {
  const read: { location: string; record: z.output<Schema>; id: string | undefined }[] = [];
  const locations = new Map<string, string>();
  for await (const { location, values } of records) {
    const present = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
    const parsed = schema.safeParse(present);
    if (!parsed.success) {
      issues.add(location, issuesOf(parsed.error, 'record'));
      continue;
    }
    const { id } = parsed.data;
    if (id !== undefined && locations.has(id)) issues.add(location, `has the id ${id}, which ${locations.get(id)} has`);
    else read.push({ location, record: parsed.data, id });
    if (id !== undefined) locations.set(id, location);
  }
  return read;
}
