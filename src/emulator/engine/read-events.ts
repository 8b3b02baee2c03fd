import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import type { Database } from '../store/connection.ts';
import { Parameters } from '../store/sql.ts';
import { prune } from '../xdm/field.ts';
import { toXdmObject, type XdmObject } from '../xdm/json.ts';
import type { FieldVocabulary } from '../xdm/vocabulary.ts';
import { findProfiles, type IdentityReference, xidOf } from './find-profiles.ts';
import { EventQueryError, readCursor, writeCursor } from './read-events-cursor.ts';
import { compileProperty, type EventProperty } from './read-events-property.ts';
import { renderStruct } from './xdm-sql.ts';

export { EventQueryError } from './read-events-cursor.ts';
export type { EventProperty } from './read-events-property.ts';

/** Default number of events on a page. */
export const defaultEventLimit = 1000;
/** Maximum number of property conditions in a query. */
export const maximumProperties = 3;

export interface EventQuery {
  readonly sandbox: string;
  /** An identity of the profile whose events are read. */
  readonly identity: IdentityReference;
  /** Merge policy id; null = the sandbox's default policy. @default null */
  readonly mergePolicyId?: string | null;
  /** Dotted XDM paths, as for profiles; null = every field. */
  readonly fields: readonly string[] | null;
  /** Inclusive; null = from the first event. @default null */
  readonly startTime?: Date | null;
  /** Exclusive; null = to the last event. @default null */
  readonly endTime?: Date | null;
  /** At least 1. @default defaultEventLimit */
  readonly limit?: number;
  /** `next` of the previous page; null = the first page. @default null */
  readonly start?: string | null;
  /** @default '+timestamp' */
  readonly orderby?: '+timestamp' | '-timestamp';
  /** Conditions that must all hold; at most `maximumProperties`. @default [] */
  readonly properties?: readonly EventProperty[];
}

export interface ProfileEvent {
  /** XID of the identity that the query names. */
  readonly relatedEntityId: string;
  /** Id of the event. */
  readonly entityId: string;
  readonly timestamp: Date;
  /** The requested fields. */
  readonly entity: XdmObject;
  readonly lastModifiedAt: Date;
}

export interface EventPage {
  readonly events: readonly ProfileEvent[];
  /** Start of the next page; null on the last page. */
  readonly next: string | null;
}

interface EventRow {
  readonly id: string;
  readonly micros: number;
  readonly timestamp: Date;
  readonly received: Date;
  readonly entity: Readonly<Record<string, unknown>>;
}

/**
 * Reads a page of a profile's events, ordered by timestamp and then by id.
 * @returns null when no profile has the identity.
 * @throws {EventQueryError} when `start` is not from a page of such a query, or a property cannot be compared.
 * @throws {UnknownMergePolicyError}
 */
export async function readEvents(db: Pick<Database, 'all' | 'fields'>, query: EventQuery): Promise<EventPage | null> {
  const { sandbox, identity, mergePolicyId = null, limit = defaultEventLimit, orderby = '+timestamp' } = query;
  const stitched = findMergePolicy(mergePolicyId).identityGraph.type === 'pdg';
  const parameters = new Parameters(sandbox);
  const conditions = [...compileConditions(query, orderby, parameters, db.fields.eventFields), 'sandbox = $1'];
  const [key = null] = await findProfiles(db, sandbox, [identity], stitched);
  if (key === null) return null;
  conditions.push(`person = ${parameters.add(key.person)}`);
  if (key.source !== null) conditions.push(`source = ${parameters.add(key.source)}::profile_source`);
  const schema = prune(db.fields.eventSchema, query.fields);
  const entity = schema === null ? 'MAP {}' : renderStruct(schema, '', 'v', parameters);
  const direction = orderby === '+timestamp' ? 'ASC' : 'DESC';
  const rows = await db.all<EventRow>(
    `SELECT v."_id" AS id, epoch_us(v."timestamp") AS micros, v."timestamp" AS timestamp, v."receivedTimestamp" AS received, ${entity} AS entity
     FROM experience_events v WHERE ${conditions.join(' AND ')}
     ORDER BY v."timestamp" ${direction}, v."_id" ${direction} LIMIT ${parameters.add(limit + 1)}`,
    parameters.values,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    events: page.map((row) => ({
      relatedEntityId: xidOf(identity),
      entityId: row.id,
      timestamp: row.timestamp,
      entity: toXdmObject(row.entity),
      lastModifiedAt: row.received,
    })),
    next: rows.length > limit && last !== undefined ? writeCursor(last.micros, last.id) : null,
  };
}

function compileConditions(
  { startTime = null, endTime = null, start = null, properties = [] }: EventQuery,
  orderby: '+timestamp' | '-timestamp',
  parameters: Parameters,
  fields: FieldVocabulary,
): readonly string[] {
  if (properties.length > maximumProperties) {
    throw new EventQueryError('INVALID_PROPERTY', `A query can filter by at most ${maximumProperties} properties.`);
  }
  const conditions = properties.map((property) => compileProperty(property, parameters, fields));
  if (startTime !== null) conditions.push(`v."timestamp" >= ${parameters.add(startTime)}::TIMESTAMPTZ`);
  if (endTime !== null) conditions.push(`v."timestamp" < ${parameters.add(endTime)}::TIMESTAMPTZ`);
  if (start !== null) {
    const { micros, id } = readCursor(start);
    const beyond = orderby === '+timestamp' ? '>' : '<';
    conditions.push(
      `(epoch_us(v."timestamp"), v."_id") ${beyond} (${parameters.add(micros)}::BIGINT, ${parameters.add(id)}::VARCHAR)`,
    );
  }
  return conditions;
}
