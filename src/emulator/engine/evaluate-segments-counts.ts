import type { Session } from '../store/connection.ts';
import { identifier } from '../store/sql.ts';
import { type IdentityNamespace, identityNamespaces } from '../xdm/schema.ts';
import { identityColumn } from './merged-profile.ts';

export type MembershipStatus = 'realized' | 'existing' | 'exited';

/** Number of profiles in a segment after an evaluation, and number of profiles that are listed as having left it. */
export interface SegmentCounts {
  /** Members with status realized or existing. */
  readonly total: number;
  /** Per namespace, the number of members with an identity in it. */
  readonly byNamespace: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<MembershipStatus, number>>;
}

type CountRow = Record<MembershipStatus | IdentityNamespace, number> & { readonly number: number };

/** Counts `next_memberships` per segment id. A segment without memberships gets zeros. */
export async function countMemberships(
  session: Session,
  sandbox: string,
  ids: readonly string[],
): Promise<Record<string, SegmentCounts>> {
  const isKnown = identityNamespaces.map(
    (namespace) => `bool_or(${identifier(identityColumn(namespace))} IS NOT NULL) AS ${identifier(namespace)}`,
  );
  const counts = identityNamespaces.map(
    (namespace) => `count_if(status <> 'exited' AND ${identifier(namespace)}) AS ${identifier(namespace)}`,
  );
  const rows = await session.all<CountRow>(
    `SELECT number, count_if(status = 'realized') AS realized, count_if(status = 'existing') AS existing,
       count_if(status = 'exited') AS exited, ${counts.join(', ')}
     FROM next_memberships JOIN (SELECT person, ${isKnown.join(', ')} FROM profile_fragments WHERE sandbox = $1 GROUP BY person) USING (person)
     WHERE status IS NOT NULL GROUP BY number`,
    [sandbox],
  );
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  return Object.fromEntries(ids.map((id, number) => [id, toCounts(byNumber.get(number))]));
}

function toCounts(row: CountRow | undefined): SegmentCounts {
  const { realized = 0, existing = 0, exited = 0 } = row ?? {};
  const byNamespace = identityNamespaces.map((namespace) => [namespace, row?.[namespace] ?? 0] as const);
  return {
    total: realized + existing,
    byNamespace: Object.fromEntries(byNamespace.filter(([, count]) => count > 0)),
    byStatus: { realized, existing, exited },
  };
}
