import { z } from 'zod';
import { type EventProperty, maximumProperties } from '../engine/read-events.ts';
import type { IdentityReference } from '../engine/read-profiles.ts';
import { PlatformError } from '../errors.ts';
import { isJsonObject, type JsonObject } from '../json.ts';

/** Maximum number of identities in one `POST /access/entities`. The platform documents no limit. */
const maximumIdentities = 100;
/** Default and maximum number of events on a page. */
const maximumEvents = 1_000;

const schemas = {
  '_xdm.context.profile': 'profile',
  '_xdm.context.experienceevent': 'events',
  // The emulator has no accounts and opportunities, so these requests find nothing.
  '_xdm.context.account': 'business',
  '_xdm.context.opportunity': 'business',
} as const;

/** A validated request of either method. */
export interface EntityRequest {
  readonly kind: (typeof schemas)[keyof typeof schemas];
  readonly identities: readonly IdentityReference[];
  readonly fields: readonly string[] | null;
  readonly mergePolicyId: string | null;
  readonly startTime: Date | null;
  readonly endTime: Date | null;
  readonly limit: number;
  readonly orderby: '+timestamp' | '-timestamp';
  readonly properties: readonly EventProperty[];
  /** Start of the page of events; null for the first page. */
  readonly start: string | null;
}

const schemaNames = [
  '_xdm.context.profile',
  '_xdm.context.experienceevent',
  '_xdm.context.account',
  '_xdm.context.opportunity',
] as const satisfies readonly (keyof typeof schemas)[];

const time = z
  .number()
  .transform((ms) => new Date(ms))
  .refine((date) => !Number.isNaN(date.getTime()), 'must be a time in milliseconds');
/**
 * The order without a sign is ascending, and the response shows the sign. A plus sign that is not percent-encoded
 * arrives as a space.
 */
const orderby = z
  .string()
  .transform((text) => (text.startsWith('-') ? text : `+${text.replace(/^[+ ]/, '')}`))
  .pipe(z.enum(['+timestamp', '-timestamp']));
const entityId = z.union([z.string().min(1), z.number().transform(String)]);
const namespace = z.looseObject({ code: z.string().min(1) });

const entityBody = z.looseObject({
  schema: z.looseObject({ name: z.enum(schemaNames) }),
  identities: z
    .array(
      z.looseObject({
        entityId: entityId.optional(),
        entityIdNS: namespace.optional(),
        relatedEntityId: entityId.optional(),
        relatedEntityIdNS: namespace.optional(),
      }),
    )
    .min(1)
    .max(maximumIdentities),
  fields: z.array(z.string()).optional(),
  mergePolicyId: z.string().min(1).optional(),
  timeFilter: z.looseObject({ startTime: time.optional(), endTime: time.optional() }).optional(),
  limit: z.int().min(1).max(maximumEvents).default(maximumEvents),
  orderby: orderby.optional(),
  // Spelling in the API description.
  orderBy: orderby.optional(),
  property: z.array(z.string()).max(maximumProperties).default([]),
  start: z.string().min(1).optional(),
});

/**
 * Validates the body of `POST /access/entities`.
 * @throws {PlatformError} 400 with all issues
 */
export function parseEntityBody(body: unknown): EntityRequest {
  const parsed = entityBody.safeParse(body);
  if (!parsed.success) {
    throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; '));
  }
  const { schema, fields = [], mergePolicyId, timeFilter, start, property, ...rest } = parsed.data;
  const kind = schemas[schema.name];
  return {
    kind,
    identities: rest.identities.map((identity) => referenceOf(identity, kind)),
    fields: fields.length === 0 ? null : fields,
    mergePolicyId: mergePolicyId ?? null,
    startTime: timeFilter?.startTime ?? null,
    endTime: timeFilter?.endTime ?? null,
    limit: rest.limit,
    orderby: rest.orderby ?? rest.orderBy ?? '+timestamp',
    properties: property.map(propertyOf),
    start: start ?? null,
  };
}

/**
 * Validates the parameters of `GET /access/entities`. If `start` or `offsets` from a page of events is present, it
 * contains all other parameters.
 * @throws {PlatformError} 400
 */
export function parseEntityQuery(query: URLSearchParams): EntityRequest {
  const limit = numberOf(query, 'limit');
  const start = query.get('start') ?? query.get('offsets');
  if (start !== null) return parseEntityBody({ ...readStart(start), ...(limit !== undefined && { limit }) });
  const text = (name: string) => query.get(name) ?? undefined;
  const namespaceOf = (name: string) => (text(name) === undefined ? undefined : { code: text(name) });
  return parseEntityBody({
    schema: { name: text('schema.name') },
    identities: [
      {
        entityId: text('entityId'),
        entityIdNS: namespaceOf('entityIdNS'),
        relatedEntityId: text('relatedEntityId'),
        relatedEntityIdNS: namespaceOf('relatedEntityIdNS'),
      },
    ],
    fields: text('fields')
      ?.split(',')
      .map((path) => path.trim()),
    mergePolicyId: text('mergePolicyId'),
    timeFilter: { startTime: numberOf(query, 'startTime'), endTime: numberOf(query, 'endTime') },
    limit,
    // Spelling in the API description of `POST`.
    orderby: text('orderby') ?? text('orderBy'),
    property: query.getAll('property'),
  });
}

/** Body of the request for the next page of a profile's events, in the format of `POST /access/entities`. */
export function nextPageBody(
  request: EntityRequest,
  identity: IdentityReference,
  start: string,
): JsonObject & { readonly start: string } {
  return {
    schema: { name: '_xdm.context.experienceevent' },
    relatedSchema: { name: '_xdm.context.profile' },
    identities: [
      {
        relatedEntityId: identity.value,
        relatedEntityIdNS: identity.namespace === null ? undefined : { code: identity.namespace },
      },
    ],
    fields: request.fields ?? undefined,
    mergePolicyId: request.mergePolicyId ?? undefined,
    timeFilter: { startTime: request.startTime?.getTime(), endTime: request.endTime?.getTime() },
    limit: request.limit,
    orderby: request.orderby,
    property: request.properties.map(({ path, comparison, value }) => `${path}${comparison}${value}`),
    start,
  };
}

/** Encodes the body of the next request as text for `GET`. */
export function writeStart(body: JsonObject): string {
  return Buffer.from(JSON.stringify(body)).toString('base64url');
}

function readStart(start: string): JsonObject {
  try {
    const body: unknown = JSON.parse(Buffer.from(start, 'base64url').toString());
    if (isJsonObject(body)) return body;
  } catch {
    // Not JSON, so it does not come from a page of events.
  }
  throw invalid('start is not a value that a page of events returned');
}

interface SentIdentity {
  readonly entityId?: string | undefined;
  readonly entityIdNS?: { readonly code: string } | undefined;
  readonly relatedEntityId?: string | undefined;
  readonly relatedEntityIdNS?: { readonly code: string } | undefined;
}

/** Reference to the profile. Requests for events name the related profile, in either of two spellings. */
function referenceOf(identity: SentIdentity, kind: EntityRequest['kind']): IdentityReference {
  const own = { value: identity.entityId, namespace: identity.entityIdNS?.code ?? null };
  const related = { value: identity.relatedEntityId, namespace: identity.relatedEntityIdNS?.code ?? null };
  const [first, second] = kind === 'events' ? [related, own] : [own, related];
  const { value, namespace } = first.value === undefined ? second : first;
  if (value === undefined) throw invalid('An identity needs an entityId');
  return { value, namespace };
}

const propertyForm = /^([\w.]+)(<=|>=|!=|=|<|>)(.*)$/s;

function propertyOf(text: string): EventProperty {
  const [, path, comparison, value] = propertyForm.exec(text.trim()) ?? [];
  const known = comparisons.find((each) => each === comparison);
  if (path === undefined || known === undefined || value === undefined) {
    throw invalid('property must be {path}{=, !=, <, <=, > or >=}{value}');
  }
  return { path, comparison: known, value: value.replace(/^"(.*)"$/s, '$1') };
}

const comparisons = ['=', '!=', '<', '<=', '>', '>='] as const;

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw invalid(`${name}: must be an integer`);
  return Number(text);
}

/** Error for a request that profile access cannot understand. */
export function invalid(message: string): PlatformError {
  return new PlatformError(400, 'UPS-ACC-1000400', message);
}
