import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import { platformNamespace } from '../engine/evaluate-segments-matches.ts';
import { identityColumn } from '../engine/merged-profile.ts';
import type { Database } from '../store/connection.ts';
import type { SegmentJobCounts } from '../store/platform-store-segment-jobs.ts';
import { identifier } from '../store/sql.ts';
import { type IdentityNamespace, identityNamespaces } from '../xdm/schema.ts';

type StatusCounts = Readonly<Record<'realized' | 'existing' | 'exited', number>>;
type Row = StatusCounts & Readonly<Record<IdentityNamespace, number>> & { readonly id: string };

/** Counts the current memberships of a sandbox, in the form of a segment job's metrics. */
export async function countSegments(
  database: Pick<Database, 'all'>,
  sandbox: string,
  segmentIds: readonly string[],
): Promise<SegmentJobCounts> {
  const has = identityNamespaces.map(
    (namespace) => `bool_or(${identifier(identityColumn(namespace))} IS NOT NULL) AS ${identifier(namespace)}`,
  );
  const members = identityNamespaces.map(
    (namespace) => `count_if(status <> 'exited' AND ${identifier(namespace)}) AS ${identifier(namespace)}`,
  );
  const [rows, people] = await Promise.all([
    database.all<Row>(
      `SELECT segment_id AS id, count_if(status = 'realized') AS realized, count_if(status = 'existing') AS existing,
         count_if(status = 'exited') AS exited, ${members.join(', ')}
       FROM segment_memberships
       JOIN (SELECT person, ${has.join(', ')} FROM profile_fragments WHERE sandbox = $1 GROUP BY person) USING (person)
       WHERE sandbox = $1 AND segment_ns = '${platformNamespace}' GROUP BY segment_id`,
      [sandbox],
    ),
    database.all<{ profiles: number }>(
      'SELECT count(DISTINCT person) AS profiles FROM profile_fragments WHERE sandbox = $1',
      [sandbox],
    ),
  ]);
  const totalProfiles = people[0]?.profiles ?? 0;
  const byId = new Map(rows.map((row) => [row.id, row]));
  const perSegment = <T>(read: (row: Row | undefined) => T) =>
    Object.fromEntries(segmentIds.map((id) => [id, read(byId.get(id))]));
  return {
    totalProfiles,
    totalProfilesByMergePolicy: { [findMergePolicy(null).id]: totalProfiles },
    segmentedProfileCounter: perSegment((row) => (row?.realized ?? 0) + (row?.existing ?? 0)),
    segmentedProfileByNamespaceCounter: perSegment((row) =>
      Object.fromEntries(
        identityNamespaces.map((name) => [name, row?.[name] ?? 0] as const).filter(([, count]) => count > 0),
      ),
    ),
    segmentedProfileByStatusCounter: perSegment((row) => ({
      realized: row?.realized ?? 0,
      existing: row?.existing ?? 0,
      exited: row?.exited ?? 0,
    })),
  };
}
