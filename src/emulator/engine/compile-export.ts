import { seededMergePolicies } from '../catalog/population.ts';
import { identifier, literal, Parameters, type Statement } from '../store/sql.ts';
import { type ObjectField, prune, storedPaths } from '../xdm/field.ts';
import { standardFields, type XdmFields } from '../xdm/own-fields.ts';
import { identityNamespaces, type SegmentNamespace, segmentNamespaces } from '../xdm/schema.ts';
import {
  type EventSelection,
  type ExportSelection,
  ExportSelectionError,
  type SegmentSelection,
} from './export-selection.ts';
import { identityColumn, identityExpressions, type MergedProfile, mergedProfile } from './merged-profile.ts';
import { renderField, renderStruct } from './xdm-sql.ts';

/**
 * Temporary table with the profiles of a running export. Its columns are `profileKeyColumns` and `part`, which starts
 * at 0.
 */
export const keysTable = 'export_profiles';

/**
 * A profile's key (`source` is null when fragments are stitched) and, per namespace, whether the profile has an
 * identity in it.
 */
export const profileKeyColumns = [
  'person BIGINT',
  'source profile_source',
  ...identityNamespaces.map((namespace) => `${identifier(namespace)} BOOLEAN`),
];

/** A range of consecutive people whose profiles go into one file. */
export interface ExportPart {
  readonly part: number;
  readonly firstPerson: number;
  readonly lastPerson: number;
}

export interface CompiledExport {
  /** One row per selected profile, in the columns `profileKeyColumns`. */
  readonly keys: Statement;
  /** Selects the exported rows of a part. It reads `keysTable`. */
  rows(part: ExportPart): Statement;
}

/**
 * Compiles a selection into SQL.
 * @throws {ExportSelectionError} when the merge policy is unknown, or none of the profile or event fields exists.
 */
export function compileExport(
  selection: ExportSelection,
  { profileSchema, eventSchema }: XdmFields = standardFields,
): CompiledExport {
  const profile = mergedProfile(findMergePolicy(selection.mergePolicyId));
  const fields = selectFields(profileSchema, selection.fields, 'profile');
  const events = selection.events && {
    window: selection.events,
    fields: selectFields(eventSchema, selection.events.fields, 'event'),
  };
  return {
    keys: compileKeys(selection, profile.stitched),
    rows: (part) => compileRows(selection.sandbox, profile, fields, events, part),
  };
}

function findMergePolicy(id: string | null) {
  const policy = seededMergePolicies.find((each) => (id === null ? each.default : each.id === id));
  if (policy === undefined) {
    throw new ExportSelectionError(
      'UNKNOWN_MERGE_POLICY',
      `There is no merge policy with the id ${JSON.stringify(id)}.`,
    );
  }
  return policy;
}

function selectFields(schema: ObjectField, paths: readonly string[] | null, of: 'profile' | 'event'): ObjectField {
  const fields = prune(schema, paths);
  if (fields === null) {
    throw new ExportSelectionError('UNKNOWN_FIELDS', `None of the ${of} fields exists: ${(paths ?? []).join(', ')}.`);
  }
  return fields;
}

function compileKeys(selection: ExportSelection, stitched: boolean): Statement {
  const parameters = new Parameters();
  const conditions = [`sandbox = ${parameters.add(selection.sandbox)}`];
  if (!selection.emptyProfiles) conditions.push(`source <> 'events'`);
  const members = membersCondition(selection, parameters);
  if (members !== null) conditions.push(`person IN (${members})`);
  const where = conditions.join(' AND ');
  const since = selection.fromIngestTimestamp && parameters.add(selection.fromIngestTimestamp);
  const has = identityNamespaces.map((namespace) => {
    const known = `${identifier(identityColumn(namespace))} IS NOT NULL`;
    return `${stitched ? `bool_or(${known})` : known} AS ${identifier(namespace)}`;
  });
  const sql = stitched
    ? `SELECT person, NULL::profile_source AS source, ${has.join(', ')} FROM profile_fragments WHERE ${where}
       GROUP BY person${since === null ? '' : ` HAVING max(updated_at) > ${since}`}`
    : `SELECT person, source, ${has.join(', ')} FROM profile_fragments WHERE ${where}${since === null ? '' : ` AND updated_at > ${since}`}`;
  return { sql, parameters: parameters.values };
}

/** Condition for the people whose membership is selected; null when the selection does not depend on memberships. */
function membersCondition(
  { sandbox, segments, segmentQualificationTime }: ExportSelection,
  parameters: Parameters,
): string | null {
  const { startTime = null, endTime = null } = segmentQualificationTime ?? {};
  if (segments === null && startTime === null && endTime === null) return null;
  const conditions = [`sandbox = ${parameters.add(sandbox)}`];
  if (segments !== null) conditions.push(anySegment(segments, parameters));
  if (startTime !== null) conditions.push(`last_qualification_time >= ${parameters.add(startTime)}`);
  if (endTime !== null) conditions.push(`last_qualification_time < ${parameters.add(endTime)}`);
  return `SELECT person FROM segment_memberships WHERE ${conditions.join(' AND ')}`;
}

function anySegment(segments: readonly SegmentSelection[], parameters: Parameters): string {
  const alternatives = segments.map(({ segmentNs, segmentId, statuses }) =>
    [
      `lower(segment_ns) = ${parameters.add(segmentNs.toLowerCase())}`,
      `segment_id = ${parameters.add(segmentId)}`,
      `list_contains(${parameters.add(statuses)}, status)`,
    ].join(' AND '),
  );
  return alternatives.length === 0 ? 'false' : `(${alternatives.map((each) => `(${each})`).join(' OR ')})`;
}

interface CompiledEvents {
  readonly window: EventSelection;
  readonly fields: ObjectField;
}

function compileRows(
  sandbox: string,
  profile: MergedProfile,
  fields: ObjectField,
  events: CompiledEvents | null,
  part: ExportPart,
): Statement {
  const parameters = new Parameters();
  const inPart = [
    `sandbox = ${parameters.add(sandbox)}`,
    `person BETWEEN ${parameters.add(part.firstPerson)} AND ${parameters.add(part.lastPerson)}`,
  ].join(' AND ');
  const stored = storedPaths(fields);
  const needsIdentities = stored.includes('identities') || stored.includes('identityMap');
  const needsMemberships = stored.includes('segmentMembership');
  const attributes = stored.filter((path) => !derivedFields.has(path));

  const columns = attributes.map((path) => `${profile.attribute(path)} AS ${identifier(path)}`);
  const joins = [profile.joins(inPart)];
  const relations = [
    `k AS MATERIALIZED (SELECT person, source FROM ${keysTable} WHERE part = ${parameters.add(part.part)})`,
  ];
  const derived: string[] = [];
  if (needsIdentities) {
    columns.push(...identityNamespaces.map((each) => `${profile.identities(each)} AS ${identifier(each)}`));
    const { identities, identityMap } = identityExpressions();
    derived.push(`${identities} AS "identities"`, `${identityMap} AS "identityMap"`);
  }
  if (needsMemberships) {
    relations.push(`m AS (${membershipsByPerson(inPart)})`);
    joins.push('LEFT JOIN m ON m.person = k.person');
    columns.push(...segmentNamespaces.map((each) => `m.${identifier(each)} AS ${identifier(membershipColumn(each))}`));
    derived.push(`${membershipMap((each) => `r.${identifier(membershipColumn(each))}`)} AS "segmentMembership"`);
  }
  if (events !== null) {
    relations.push(`e AS (${eventsByProfile(events, profile.stitched, inPart, parameters)})`);
    joins.push(`LEFT JOIN e ON e.person = k.person${profile.stitched ? '' : ' AND e.source = k.source'}`);
    columns.push('coalesce(e.events, []) AS "experienceEvents"');
  }
  const exported = Object.entries(fields.fields).map(
    ([name, field]) => `${renderField(field, name, 'p', parameters)} AS ${identifier(name)}`,
  );
  if (events !== null) exported.push('p."experienceEvents"');

  // A join leaves half-empty vectors behind, and a scan of few rows occupies only one thread. When the relation is
  // materialized first, all threads derive, convert and write on full vectors.
  relations.push(
    `r AS MATERIALIZED (SELECT ${columns.join(', ')} FROM k ${joins.join(' ')})`,
    `p AS (SELECT ${['r.*', ...derived].join(', ')} FROM r)`,
  );
  return { sql: `WITH ${relations.join(',\n')}\nSELECT ${exported.join(', ')} FROM p`, parameters: parameters.values };
}

/** Fields that are not a copy of one fragment column. */
const derivedFields: ReadonlySet<string> = new Set(['identities', 'identityMap', 'segmentMembership']);

/**
 * Selects the memberships of the people in relation `k`, one list per namespace. @param inPart a condition on
 * `segment_memberships`
 */
export function membershipsByPerson(inPart: string): string {
  const lists = segmentNamespaces.map(
    (namespace) =>
      `list({'key': segment_id, 'value': {'lastQualificationTime': last_qualification_time, 'status': status}})
         FILTER (segment_ns = ${literal(namespace)}) AS ${identifier(namespace)}`,
  );
  return `SELECT person, ${lists.join(', ')} FROM segment_memberships SEMI JOIN k USING (person) WHERE ${inPart} GROUP BY person`;
}

/** Column alias that cannot collide with a field path, because the path continues inside a map. */
const membershipColumn = (namespace: SegmentNamespace) => `segmentMembership.${namespace}`;

/**
 * Map from namespace to segment to membership; empty for a person without memberships.
 * @param list the list of a namespace that `membershipsByPerson` selects
 */
export function membershipMap(list: (namespace: SegmentNamespace) => string): string {
  const entries = segmentNamespaces.map(
    (namespace) => `{'key': ${literal(namespace)}, 'value': map_from_entries(${list(namespace)})}`,
  );
  return `map_from_entries(list_filter([${entries.join(', ')}], lambda entry: entry."value" IS NOT NULL))`;
}

function eventsByProfile(
  { window, fields }: CompiledEvents,
  stitched: boolean,
  inPart: string,
  parameters: Parameters,
): string {
  const conditions = [inPart];
  if (window.fromIngestTimestamp !== null) {
    conditions.push(`"receivedTimestamp" > ${parameters.add(window.fromIngestTimestamp)}`);
  }
  if (window.toIngestTimestamp !== null) {
    conditions.push(`"receivedTimestamp" < ${parameters.add(window.toIngestTimestamp)}`);
  }
  const key = stitched ? 'person' : 'person, source';
  const event = renderStruct(fields, '', 'v', parameters);
  // An aggregate with ORDER BY takes several times as long. Here, both lists are built from the rows in the same order,
  // so sorting the short keys also gives the order of the events, which are neither compared nor copied. Events with
  // equal time and id keep their insertion order.
  const order = `list_grade_up(list({'time': "timestamp", 'id': "_id", 'row': rowid}))`;
  return `SELECT ${key}, list_select(list(${event}), ${order}) AS events
    FROM experience_events v SEMI JOIN k USING (${key}) WHERE ${conditions.join(' AND ')} GROUP BY ${key}`;
}
