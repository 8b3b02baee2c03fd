import type { Database } from '../../../src/emulator/store/connection.ts';

/** The attributes of a profile, or the fields of an event, by dotted path; null when absent. */
export type Row = Readonly<Record<string, unknown>>;

/** A person as merged by the default merge policy. */
export interface Person {
  readonly person: number;
  readonly attributes: Row;
  readonly events: readonly Row[];
  readonly segments: ReadonlySet<string>;
}

interface Fragment extends Row {
  readonly person: number;
  readonly updated_at: Date;
  readonly source: string;
}

/** All people of a sandbox, merged in JavaScript. For each attribute, the more recently updated fragment wins. */
export async function readPeople(db: Database, sandbox: string): Promise<readonly Person[]> {
  const fragments = await db.all<Fragment>('SELECT * FROM profile_fragments WHERE sandbox = $1', [sandbox]);
  const events = await db.all<Row & { person: number }>('SELECT * FROM experience_events WHERE sandbox = $1', [
    sandbox,
  ]);
  const memberships = await db.all<{ person: number; id: string }>(
    `SELECT person, segment_id AS id FROM segment_memberships WHERE sandbox = $1 AND segment_ns = 'ups' AND status <> 'exited'`,
    [sandbox],
  );
  const eventsOf = byPerson(events);
  const membershipsOf = byPerson(memberships);
  return [...byPerson(fragments)].map(([person, own]) => {
    const [last, first] = own.toSorted(
      (a, b) => b.updated_at.getTime() - a.updated_at.getTime() || (a.source < b.source ? -1 : 1),
    );
    const paths = Object.keys(last ?? {});
    return {
      person,
      attributes: Object.fromEntries(paths.map((path) => [path, last?.[path] ?? first?.[path] ?? null])),
      events: eventsOf.get(person) ?? [],
      segments: new Set(membershipsOf.get(person)?.map(({ id }) => id)),
    };
  });
}

function byPerson<Item extends { readonly person: number }>(
  items: readonly Item[],
): ReadonlyMap<number, readonly Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const group = groups.get(item.person);
    if (group === undefined) groups.set(item.person, [item]);
    else group.push(item);
  }
  return groups;
}
