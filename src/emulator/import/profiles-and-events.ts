import { createHash } from 'node:crypto';
import { identityColumn } from '../engine/merged-profile.ts';
import type { Session } from '../store/connection.ts';
import type { XdmFields } from '../xdm/own-fields.ts';
import { identityNamespaces } from '../xdm/schema.ts';
import {
  type ColumnValue,
  eventTypes,
  type FieldTypes,
  FieldValueError,
  flatten,
  profileTypes,
  readValue,
  sqlTypeOf,
} from './field-values.ts';
import { type Identities, IdentityError, takeIdentities } from './identities.ts';
import { People, type Person } from './people.ts';
import type { SeedRecord } from './read-records.ts';
import type { SeedIssues } from './seed-error.ts';
import { TableWriter } from './table-writer.ts';

export interface PopulationFiles {
  readonly sandbox: string;
  readonly profiles: AsyncIterable<SeedRecord>;
  readonly events: AsyncIterable<SeedRecord>;
  readonly fields: XdmFields;
  /** Update time of the profiles. */
  readonly now: Date;
  readonly issues: SeedIssues;
}

/** Writes the profiles and events of a sandbox. Issues are collected; the caller then rolls back the transaction. */
export async function importPopulation(session: Session, files: PopulationFiles): Promise<void> {
  const people = new People();
  const fragments = fragmentWriter(session, files.fields);
  for await (const record of files.profiles) await addProfile(record, people, fragments, files);
  const events = eventWriter(session, files.fields);
  const seen = new Map<string, string>();
  for await (const record of files.events) await addEvent(record, { people, seen, fragments, events }, files);
  files.issues.throwIfAny();
  await fragments.flush();
  await events.flush();
}

async function addProfile(record: SeedRecord, people: People, fragments: TableWriter, files: PopulationFiles) {
  const read = readRecord(record, profileTypes(files.fields), files.issues);
  if (read === null) return;
  const [known] = people.find(read.identities);
  if (read.identities.size === 0) {
    files.issues.add(record.location, 'has no identity in identityMap');
  } else if (known !== undefined) {
    const [{ location }, identity] = known;
    files.issues.add(record.location, `has the identity ${identity}, which ${location} has`);
  } else {
    const person = people.add(read.identities, { source: 'crm', location: record.location });
    await fragments.add(fragmentOf(person, read, files));
  }
}

interface EventTargets {
  readonly people: People;
  /** Location of each event, by its id. */
  readonly seen: Map<string, string>;
  readonly fragments: TableWriter;
  readonly events: TableWriter;
}

async function addEvent(record: SeedRecord, { people, seen, fragments, events }: EventTargets, files: PopulationFiles) {
  const { issues } = files;
  const read = readRecord(record, eventTypes(files.fields), issues);
  if (read === null) return;
  const { identities, columns } = read;
  const missing = ['eventType', 'timestamp'].filter((name) => !columns.has(name));
  if (identities.size === 0) missing.push('identityMap');
  const id = String(columns.get('_id') ?? createHash('md5').update(record.location).digest('hex'));
  const found = people.find(identities);
  if (missing.length > 0) {
    issues.add(record.location, `has no ${missing.join(', no ')}`);
  } else if (seen.has(id)) {
    issues.add(record.location, `has the _id ${JSON.stringify(id)}, which ${seen.get(id)} has`);
  } else if (found.length > 1) {
    const locations = found.map(([{ location }]) => location).join(', ');
    issues.add(record.location, `has identities of ${found.length} profiles: ${locations}`);
  } else {
    seen.set(id, record.location);
    const [known] = found.map(([person]) => person);
    const person = known ?? people.add(identities, { source: 'events', location: record.location });
    // A person without a profile gets a fragment without attributes.
    if (known === undefined) await fragments.add(fragmentOf(person, { identities, columns: new Map() }, files));
    await events.add(
      new Map<string, ColumnValue>([
        ['receivedTimestamp', columns.get('timestamp') ?? ''],
        ...columns,
        ['_id', id],
        ['sandbox', files.sandbox],
        ['person', person.number],
        ['source', person.source],
      ]),
    );
  }
}

interface ReadRecord {
  readonly identities: Identities;
  readonly columns: ReadonlyMap<string, ColumnValue>;
}

/** @returns null when the record is invalid; the reasons are added to the issues. */
function readRecord(
  { location, values, isText }: SeedRecord,
  types: FieldTypes,
  issues: SeedIssues,
): ReadRecord | null {
  try {
    const { identities, rest } = takeIdentities(values);
    const columns = new Map<string, ColumnValue>();
    for (const [path, value] of flatten({ values: rest })) {
      const type = types.get(path);
      if (type === undefined) {
        const isAbove = [...types.keys()].some((each) => each.startsWith(`${path}.`));
        const unknown = `has the unknown field ${path}; fields of your own are declared in manifest.json`;
        issues.add(location, isAbove ? `${path} must be an object with its fields` : unknown);
        return null;
      }
      columns.set(path, readValue(path, type, value, isText));
    }
    return { identities, columns };
  } catch (error) {
    if (!(error instanceof IdentityError || error instanceof FieldValueError)) throw error;
    issues.add(location, error.message);
    return null;
  }
}

function fragmentOf(
  { number, source }: Person,
  { identities, columns }: ReadRecord,
  { sandbox, now }: PopulationFiles,
): ReadonlyMap<string, ColumnValue> {
  return new Map<string, ColumnValue>([
    ...columns,
    ...[...identities].map(([namespace, id]) => [identityColumn(namespace), id] as const),
    ['sandbox', sandbox],
    ['person', number],
    ['source', source],
    ['updated_at', now.toISOString()],
  ]);
}

const keyColumns = [
  { name: 'sandbox', sqlType: 'VARCHAR' },
  { name: 'person', sqlType: 'BIGINT' },
  { name: 'source', sqlType: 'profile_source' },
];

const columnsOf = (types: FieldTypes) => [...types].map(([name, type]) => ({ name, sqlType: sqlTypeOf(type) }));

const fragmentWriter = (session: Session, fields: XdmFields) =>
  new TableWriter(session, 'profile_fragments', [
    ...keyColumns,
    { name: 'updated_at', sqlType: 'TIMESTAMPTZ' },
    ...identityNamespaces.map((namespace) => ({ name: identityColumn(namespace), sqlType: 'VARCHAR' })),
    ...columnsOf(profileTypes(fields)),
  ]);

const eventWriter = (session: Session, fields: XdmFields) =>
  new TableWriter(session, 'experience_events', [...keyColumns, ...columnsOf(eventTypes(fields))]);
