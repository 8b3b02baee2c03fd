import { identifier, Parameters } from '../engine/sql.ts';
import type { Database, Session } from '../store/database.ts';
import { draws } from './population-draws.ts';
import { eventColumns, eventHash } from './population-events.ts';
import { crmFragment, eventsFragment, loyaltyFragment } from './population-fragments.ts';
import { selectMemberships } from './population-memberships.ts';

export { profileDatasets, seededMergePolicies, seededSegments } from './population-catalog.ts';

export interface PopulationOptions {
  readonly sandbox: string;
  /** How many people have a profile record; a few more are known by their events only. */
  readonly profiles: number;
  /** The same seed, number of profiles, sandbox and `now` (to the second) give the same data. */
  readonly seed: number;
  /** What the seeded times lead up to; nothing is later. */
  readonly now: Date;
}

/** For every so many profiles there is one person more of whom there are only events. */
const profilesPerEmptyProfile = 50;
const maxEventsPerPerson = 6;

/**
 * Gives a sandbox its population: profiles, events, memberships, all made inside DuckDB and all or nothing. Does
 * nothing when the sandbox has one already, whatever the options it was made with.
 */
export async function seedPopulation(db: Database, options: PopulationOptions, signal?: AbortSignal): Promise<void> {
  const isSeeded = 'SELECT 1 FROM populations WHERE sandbox = $1';
  if ((await db.all(isSeeded, [options.sandbox])).length > 0) return;
  await db.session(
    (session) =>
      session.transaction(async () => {
        if ((await session.all(isSeeded, [options.sandbox])).length > 0) return;
        await seedPeople(session, options);
        await seedRecords(session, options);
        await seedEvents(session, options);
        await seedEventsOnly(session, options);
        await seedMemberships(session, options);
        await session.run('INSERT INTO populations VALUES ($1, $2, $3)', [
          options.sandbox,
          options.profiles,
          options.seed,
        ]);
      }),
    signal,
  );
}

/** A row per person with a hash of its own. It is a table so that the statements that read it use all cores. */
async function seedPeople(session: Session, { sandbox, profiles, seed }: PopulationOptions): Promise<void> {
  const { number } = draws('h');
  await session.run('CREATE TEMP TABLE seed_people (person BIGINT, h UBIGINT, has_crm BOOLEAN, has_loyalty BOOLEAN)');
  // Of twenty people with a record twelve have two fragments, five only the CRM's, three only the loyalty system's.
  await session.run(
    `INSERT INTO seed_people
     SELECT person, h, person <= $3 AND kind < 17, person <= $3 AND (kind < 12 OR kind >= 17)
     FROM (SELECT person, h, ${number('fragments', 20)} AS kind
       FROM (SELECT person, hash(xor(person::UBIGINT, hash($1 || ':' || $2::VARCHAR))) AS h FROM range(1, $4 + 1) people(person)))`,
    [sandbox, seed, profiles, profiles + Math.ceil(profiles / profilesPerEmptyProfile)],
  );
}

async function seedRecords(session: Session, { sandbox, now }: PopulationOptions): Promise<void> {
  const sources = [
    { source: 'crm', fragment: crmFragment },
    { source: 'loyalty', fragment: loyaltyFragment },
  ] as const;
  for (const { source, fragment } of sources) {
    const parameters = new Parameters();
    const columns = {
      sandbox: parameters.add(sandbox),
      person: 'person',
      source: `'${source}'`,
      ...fragment(parameters.add(epochSeconds(now))),
    };
    await insert(session, 'profile_fragments', columns, `FROM seed_people WHERE has_${source}`, parameters);
  }
}

async function seedEvents(session: Session, { sandbox, now }: PopulationOptions): Promise<void> {
  const parameters = new Parameters();
  const columns = {
    sandbox: parameters.add(sandbox),
    person: 'person',
    ...eventColumns(parameters.add(epochSeconds(now))),
  };
  const { number } = draws('h');
  // Who has no record is known by an event, so has one at least.
  const count = `CASE WHEN has_crm OR has_loyalty THEN ${number('events', maxEventsPerPerson + 1)} ELSE 1 + ${number('events', maxEventsPerPerson)} END`;
  await insert(
    session,
    'experience_events',
    columns,
    `FROM (SELECT *, ${eventHash} AS eh FROM (SELECT *, unnest(range(${count})) AS sequence FROM seed_people))`,
    parameters,
  );
}

async function seedEventsOnly(session: Session, { sandbox }: PopulationOptions): Promise<void> {
  const parameters = new Parameters();
  const placeholder = parameters.add(sandbox);
  const columns = {
    sandbox: placeholder,
    person: 'person',
    source: `'events'`,
    updated_at: 'received',
    ...eventsFragment(),
  };
  await insert(
    session,
    'profile_fragments',
    columns,
    `FROM seed_people JOIN (SELECT person, max("receivedTimestamp") AS received FROM experience_events
       WHERE sandbox = ${placeholder} AND source = 'events' GROUP BY person) USING (person)`,
    parameters,
  );
}

async function seedMemberships(session: Session, { sandbox, now }: PopulationOptions): Promise<void> {
  const parameters = new Parameters();
  const placeholder = parameters.add(sandbox);
  const memberships = selectMemberships(`sandbox = ${placeholder}`, parameters.add(epochSeconds(now)));
  await session.run(
    `INSERT INTO segment_memberships
     SELECT ${placeholder}, * FROM (${memberships}) m(person, segment_ns, segment_id, status, last_qualification_time)`,
    parameters.values,
  );
}

async function insert(
  session: Session,
  table: string,
  columns: Readonly<Record<string, string>>,
  from: string,
  parameters: Parameters,
): Promise<void> {
  const names = Object.keys(columns).map(identifier).join(', ');
  await session.run(
    `INSERT INTO ${table} (${names}) SELECT ${Object.values(columns).join(', ')} ${from}`,
    parameters.values,
  );
}

const epochSeconds = (time: Date) => Math.floor(time.getTime() / 1000);
