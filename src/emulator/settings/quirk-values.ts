import { z } from 'zod';
import type { EmulatorQuirks } from '../options.ts';
import { issuesOf } from './issues.ts';

const count = (minimum: number) => z.int().min(minimum);

/** Valid values of each quirk. */
const values = {
  cancelReply: z.enum(['empty', 'json']),
  datasetReference: z.enum(['dataSets', 'datasets']),
  destinationKey: z.enum(['documented', 'datasetId', 'dataSetId']),
  destinationBatches: z.enum(['array', 'object']),
  batchSegmentStatus: z.enum(['array', 'string']),
  defaultSegmentStatus: z.array(z.string().min(1)).min(1),
  exportJobsDefaultLimit: count(1),
  exportJobsMaximumLimit: count(1),
  exportJobsFirstPage: z.literal([0, 1]),
  exportJobsStart: z.enum(['row', 'page']),
  echoRequestId: z.boolean(),
  unknownDatasetStatus: z.literal([400, 404]),
  unknownIdsInList: z.enum(['skip', 'not-found']),
  unknownDatasetDelete: z.enum(['empty-list', 'not-found']),
  defaultSandbox: z.string().min(1).nullable(),
  unknownSandboxStatus: z.literal([400, 403, 404]),
  emptyErrorBodies: z.boolean(),
  linkOrigin: z.enum(['request', 'platform']),
  sandboxNextLink: z.enum(['template', 'absent']),
  membershipModel: z.enum(['three-state', 'two-state']),
  childrenStart: z.enum(['page', 'row']),
  segmentDefinitionsFirstPage: z.literal([0, 1]),
  oneSchedulePer: z.enum(['sandbox', 'organization', 'nothing']),
  postUpdatesSchedule: z.boolean(),
  flexibleEvaluation: z.boolean(),
  unknownSegmentStatus: z.literal([400, 404]).nullable(),
  unknownEntity: z.enum(['empty', 'absent', 'multi-status']),
  maximumGraphIdentities: count(0),
  multiStatusEntities: z.enum(['errors', 'errors-and-profiles']),
  entitiesPerSecond: count(1).nullable(),
  recordFields: z.enum(['observed', 'documented']),
  batchCounts: z.enum(['metrics', 'top-level']),
  eventsNextLink: z.enum(['start', 'start-and-offsets']),
  tokenLifetimeSeconds: count(1),
  expiresInUnit: z.enum(['seconds', 'milliseconds']),
} satisfies { readonly [Name in keyof EmulatorQuirks]: z.ZodType<EmulatorQuirks[Name]> };

const quirks = z.strictObject(values).partial();

/** Thrown when quirks are unknown or have invalid values. The message names all of them. */
export class QuirkError extends Error {
  override readonly name = 'QuirkError';
}

/**
 * Validates named quirks.
 * @throws {QuirkError}
 */
export function parseQuirks(value: unknown): Partial<EmulatorQuirks> {
  const parsed = quirks.safeParse(value);
  if (!parsed.success) throw new QuirkError(issuesOf(parsed.error, 'quirks'));
  // The assertion removes `undefined`, which Zod adds to the types of optional members. JSON contains no undefined
  // value.
  return parsed.data as Partial<EmulatorQuirks>;
}

/**
 * Parses quirks from text: a JSON object, or comma-separated `name=value` pairs. Lists need the JSON form.
 * @throws {QuirkError}
 */
export function readQuirks(text: string): Partial<EmulatorQuirks> {
  return parseQuirks(text.trimStart().startsWith('{') ? parseObject(text) : parsePairs(text));
}

function parseObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new QuirkError('is not a JSON object');
  }
}

function parsePairs(text: string): Record<string, unknown> {
  const pairs = text.split(',').map((pair) => {
    const [, name, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw new QuirkError('must be a JSON object, or comma-separated name=value pairs');
    }
    return [name, quirkValue(value)] as const;
  });
  return Object.fromEntries(pairs);
}

/** Parses numbers, booleans and null as in JSON. All other text is a string. */
function quirkValue(text: string): unknown {
  return /^(?:-?\d+|true|false|null)$/.test(text) ? JSON.parse(text) : text;
}
