import { createHash } from 'node:crypto';
import type { ExportSelection } from '../../../src/emulator/engine/export-profiles.ts';
import type { Database } from '../../../src/emulator/store/connection.ts';

/**
 * Expected content of an export, computed in JavaScript from the rows of the population. It shares only the tables with
 * the engine.
 */

type Row = Readonly<Record<string, unknown>>;

interface Fragment extends Row {
  readonly person: number;
  readonly source: 'crm' | 'loyalty' | 'events';
  readonly updated_at: Date;
}

interface Event extends Row {
  readonly person: number;
  readonly source: Fragment['source'];
  readonly _id: string;
  readonly timestamp: Date;
  readonly receivedTimestamp: Date;
}

interface Membership {
  readonly person: number;
  readonly segment_ns: string;
  readonly segment_id: string;
  readonly status: string;
  readonly last_qualification_time: Date;
}

export interface Population {
  readonly fragments: readonly Fragment[];
  readonly events: readonly Event[];
  readonly memberships: readonly Membership[];
}

export async function readPopulation(db: Database, sandbox: string): Promise<Population> {
  return {
    fragments: await db.all<Fragment>('SELECT * FROM profile_fragments WHERE sandbox = $1', [sandbox]),
    events: await db.all<Event>('SELECT * FROM experience_events WHERE sandbox = $1', [sandbox]),
    memberships: await db.all<Membership>('SELECT * FROM segment_memberships WHERE sandbox = $1', [sandbox]),
  };
}

export const policyIds = {
  timestampOrdered: '0bf16e61-90e9-4204-b8fa-ad250360957b',
  crmFirst: '49d86bf3-f0f9-4d0e-9d2a-2f3f1c4a8d15',
  noStitching: '2b43d78d-0ad4-4c1e-ac2d-574c09b01119',
} as const;

export interface ExpectedExport {
  readonly rows: readonly unknown[];
  readonly profilesByNamespace: Readonly<Record<string, number>>;
}

export function expectedExport(population: Population, selection: ExportSelection): ExpectedExport {
  const profiles = groupFragments(population, selection.mergePolicyId).filter((own) =>
    isSelected(own, population, selection),
  );
  const profilesByNamespace: Record<string, number> = {};
  for (const own of profiles) {
    for (const namespace of namespaces) {
      if (own.some((fragment) => fragment[`identity.${namespace}`] !== null)) {
        profilesByNamespace[namespace] = (profilesByNamespace[namespace] ?? 0) + 1;
      }
    }
  }
  return { rows: profiles.map((own) => exportedRow(own, population, selection)), profilesByNamespace };
}

const namespaces = ['CRMID', 'Loyalty', 'Email', 'Phone', 'ECID'];

function groupFragments({ fragments }: Population, policy: string | null): Fragment[][] {
  const groups = new Map<string, Fragment[]>();
  for (const fragment of fragments) {
    const key = policy === policyIds.noStitching ? `${fragment.person} ${fragment.source}` : String(fragment.person);
    groups.set(key, [...(groups.get(key) ?? []), fragment]);
  }
  return [...groups.values()];
}

function isSelected(own: readonly Fragment[], { memberships }: Population, selection: ExportSelection): boolean {
  if (!selection.emptyProfiles && own.every(({ source }) => source === 'events')) return false;
  const { fromIngestTimestamp: since, segments, segmentQualificationTime: window } = selection;
  if (since !== null && !own.some(({ updated_at }) => updated_at > since)) return false;
  const { startTime = null, endTime = null } = window ?? {};
  if (segments === null && startTime === null && endTime === null) return true;
  return memberships.some(
    (each) =>
      each.person === own[0]?.person &&
      (startTime === null || each.last_qualification_time >= startTime) &&
      (endTime === null || each.last_qualification_time < endTime) &&
      (segments === null ||
        segments.some(
          ({ segmentNs, segmentId, statuses }) =>
            segmentNs.toUpperCase() === each.segment_ns.toUpperCase() &&
            segmentId === each.segment_id &&
            statuses.includes(each.status),
        )),
  );
}

function exportedRow(own: readonly Fragment[], population: Population, selection: ExportSelection): unknown {
  const attributes = Object.keys(own[0] ?? {}).filter(
    (column) => !['sandbox', 'person', 'source', 'updated_at'].includes(column) && !column.startsWith('identity.'),
  );
  const byPrecedence = own.toSorted((a, b) =>
    selection.mergePolicyId === policyIds.crmFirst
      ? a.source.localeCompare(b.source)
      : b.updated_at.getTime() - a.updated_at.getTime() || a.source.localeCompare(b.source),
  );
  const values = attributes.map(
    (path) => [path, byPrecedence.map((each) => each[path]).find((each) => each !== null) ?? null] as const,
  );
  const profile = {
    ...nest(values),
    ...identitiesOf(own.toSorted((a, b) => a.source.localeCompare(b.source))),
    segmentMembership: membershipsOf(own, population),
  };
  const row = pick(profile, selection.fields);
  return selection.events === null ? row : { ...row, experienceEvents: eventsOf(own, population, selection.events) };
}

function identitiesOf(own: readonly Fragment[]) {
  const found = namespaces.flatMap((code) => {
    const ids = new Set(own.map((each) => each[`identity.${code}`]).filter((id) => typeof id === 'string'));
    return [...ids].map((id) => ({ id, code }));
  });
  const identities = found.map(({ id, code }, index) => ({
    id,
    xid: createHash('md5').update(`${code}:${id}`).digest('hex'),
    namespace: { code },
    primary: index === 0,
  }));
  const identityMap: Record<string, unknown[]> = {};
  for (const { id, namespace, primary } of identities) {
    const authenticatedState = ['CRMID', 'Loyalty'].includes(namespace.code) ? 'authenticated' : 'ambiguous';
    identityMap[namespace.code] = [...(identityMap[namespace.code] ?? []), { id, primary, authenticatedState }];
  }
  return { identities, identityMap };
}

function membershipsOf([first]: readonly Fragment[], { memberships }: Population) {
  const map: Record<string, Record<string, unknown>> = {};
  for (const each of memberships.filter(({ person }) => person === first?.person)) {
    map[each.segment_ns] = {
      ...map[each.segment_ns],
      [each.segment_id]: { lastQualificationTime: each.last_qualification_time, status: each.status },
    };
  }
  return map;
}

function eventsOf(
  own: readonly Fragment[],
  { events }: Population,
  { fields, fromIngestTimestamp: from, toIngestTimestamp: to }: NonNullable<ExportSelection['events']>,
): unknown[] {
  return events
    .filter(({ person, source }) => own.some((fragment) => fragment.person === person && fragment.source === source))
    .filter(({ receivedTimestamp: at }) => (from === null || at > from) && (to === null || at < to))
    .toSorted((a, b) => a.timestamp.getTime() - b.timestamp.getTime() || (a._id < b._id ? -1 : 1))
    .map(({ sandbox: _, person: _person, source: _source, ...event }) => pick(nest(Object.entries(event)), fields));
}

/** Builds objects from dotted paths. */
function nest(values: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    let object = root;
    for (const name of names) {
      object[name] ??= {};
      // The assertion holds because every value on the way to a leaf is an object created here.
      object = object[name] as Record<string, unknown>;
    }
    object[last] = value;
  }
  return root;
}

/** Selects paths directly from a value, without a schema. */
function pick(value: Record<string, unknown>, paths: readonly string[] | null): Record<string, unknown> {
  if (paths === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, child]) => {
      if (paths.includes(name)) return [[name, child]];
      const below = paths.filter((path) => path.startsWith(`${name}.`)).map((path) => path.slice(name.length + 1));
      if (below.length === 0 || child === null || typeof child !== 'object' || child instanceof Date) return [];
      if (Array.isArray(child)) return [[name, child.map((item) => pick(item, below))]];
      return [[name, pick({ ...child }, below)]];
    }),
  );
}

/** Rows as text for comparison. Absent values, null, and objects with only such values are equal. */
export const canonicalRows = (rows: readonly unknown[]): string[] =>
  rows.map((row) => JSON.stringify(canonical(row))).toSorted();

function canonical(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  // Parquet readers return a date as its first moment.
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)) return `${value}T00:00:00.000Z`;
  if (Array.isArray(value)) return value.map((item) => canonical(item) ?? null);
  if (value === null || typeof value !== 'object') return value ?? undefined;
  const entries = Object.entries(value)
    .map(([key, child]) => [key, canonical(child)] as const)
    .filter(([, child]) => child !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
