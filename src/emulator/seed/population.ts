import type { Database, Session } from '../store/connection.ts';
import { identifier, Parameters } from '../store/sql.ts';
import { draws } from './population-draws.ts';
import { eventColumns, eventHash } from './population-events.ts';
import { crmFragment, eventsFragment, loyaltyFragment } from './population-fragments.ts';
import { selectMemberships } from './population-memberships.ts';

export interface PopulationOptions {
  readonly sandbox: string;
  /** Number of people with a profile record. A few additional people are known only from their events. */
  readonly profiles: number;
  /** Random seed. The same seed, number of profiles, sandbox and `now` (to the second) give the same data. */
  readonly seed: number;
  /** Time at which the seeded history ends. */
  readonly now: Date;
  /**
   * Number of people that one statement seeds. It does not affect the data. @default 50_000, more for very many people
   */
  readonly portion?: number;
}

/** Number of profiles per additional person who is known only from events. */
const profilesPerEmptyProfile = 50;
const maxEventsPerPerson = 6;
/**
 * Minimum number of people that one statement seeds. It is higher when the population would need more than
 * `maxPortions`.
 */
const minPortion = 50_000;
/** Maximum number of portions, because each portion reads parts of the tables again. */
const maxPortions = 100;

/**
 * Creates the population of a sandbox (profiles, events, memberships) inside DuckDB and in one transaction. Does
 * nothing when the sandbox already has a population, even one with other options.
 */
export async function seedPopulation(db: Database, options: PopulationOptions, signal?: AbortSignal): Promise<void> {
  const isSeeded = 'SELECT 1 FROM populations WHERE sandbox = $1';
  if ((await db.all(isSeeded, [options.sandbox])).length > 0) return;
  await db.session(
    (session) =>
      session.transaction(async () => {
        if ((await session.all(isSeeded, [options.sandbox])).length > 0) return;
        await session.run(
          'CREATE TEMP TABLE seed_people (person BIGINT, h UBIGINT, has_crm BOOLEAN, has_loyalty BOOLEAN)',
        );
        for (const people of portions(options)) {
          await seedPeople(session, options, people);
          await seedRecords(session, options);
          await seedEvents(session, options);
          await seedEventsOnly(session, options, people);
          await seedMemberships(session, options, people);
        }
        await session.run('INSERT INTO populations VALUES ($1, $2, $3)', [
          options.sandbox,
          options.profiles,
          options.seed,
        ]);
      }),
    signal,
  );
}

/** People with the numbers `first` to `last`. */
interface People {
  readonly first: number;
  readonly last: number;
}

/**
 * Splits the people of a population into portions. DuckDB interrupts a large INSERT only after seconds, so seeding
 * millions of people in one statement could not be aborted promptly.
 */
function* portions({ profiles, portion }: PopulationOptions): Iterable<People> {
  const people = profiles + Math.ceil(profiles / profilesPerEmptyProfile);
  const size = portion ?? Math.max(minPortion, Math.ceil(people / maxPortions));
  for (let first = 1; first <= people; first += size) yield { first, last: Math.min(people, first + size - 1) };
}

/** Creates a row per person with a hash of its own. It is a table so that the statements that read it use all cores. */
async function seedPeople(
  session: Session,
  { sandbox, profiles, seed }: PopulationOptions,
  { first, last }: People,
): Promise<void> {
  const { number } = draws('h');
  await session.run('DELETE FROM seed_people');
  // Twelve of twenty people with a record have two fragments, five have only a CRM fragment, three only a loyalty
  // fragment.
  await session.run(
    `INSERT INTO seed_people
     SELECT person, h, person <= $3 AND kind < 17, person <= $3 AND (kind < 12 OR kind >= 17)
     FROM (SELECT person, h, ${number('fragments', 20)} AS kind
       FROM (SELECT person, hash(xor(person::UBIGINT, hash($1 || ':' || $2::VARCHAR))) AS h FROM range($4, $5 + 1) people(person)))`,
    [sandbox, seed, profiles, first, last],
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
  // A person without a record is known only from events, so at least one is needed.
  const count = `CASE WHEN has_crm OR has_loyalty THEN ${number('events', maxEventsPerPerson + 1)} ELSE 1 + ${number('events', maxEventsPerPerson)} END`;
  await insert(
    session,
    'experience_events',
    columns,
    `FROM (SELECT *, ${eventHash} AS eh FROM (SELECT *, unnest(range(${count})) AS sequence FROM seed_people))`,
    parameters,
  );
}

async function seedEventsOnly(session: Session, { sandbox }: PopulationOptions, people: People): Promise<void> {
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
       WHERE sandbox = ${placeholder} AND source = 'events' AND ${among(people)} GROUP BY person) USING (person)`,
    parameters,
  );
}

async function seedMemberships(session: Session, { sandbox, now }: PopulationOptions, people: People): Promise<void> {
  const parameters = new Parameters();
  const placeholder = parameters.add(sandbox);
  const memberships = selectMemberships(
    `sandbox = ${placeholder} AND ${among(people)}`,
    parameters.add(epochSeconds(now)),
  );
  await session.run(
    `INSERT INTO segment_memberships
     SELECT ${placeholder}, * FROM (${memberships}) m(person, segment_ns, segment_id, status, last_qualification_time)`,
    parameters.values,
  );
}

const among = ({ first, last }: People): string => `person BETWEEN ${first} AND ${last}`;

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
