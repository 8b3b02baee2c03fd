import type { Session } from '../store/connection.ts';
import { platformNamespace } from './evaluate-segments-matches.ts';

/** Time for which a former member is listed as `exited`: 30 days. */
export const exitedLifetimeMs = 30 * 86_400_000;

export interface MembershipUpdate {
  readonly sandbox: string;
  readonly now: Date;
  /** Status of a member that was already a member before the evaluation. */
  readonly staying: 'existing' | 'realized';
}

/**
 * Updates the memberships in the segments of `evaluated_segments` to match `segment_matches`. Only rows that differ are
 * written, ordered by person, so that the rows of a range of people stay close together in the table.
 * @returns nothing; the current memberships stay in the temporary table `next_memberships` (person, number, status).
 */
export async function updateMemberships(session: Session, { sandbox, now, staying }: MembershipUpdate): Promise<void> {
  await session.run(
    `CREATE TEMP TABLE next_memberships (person BIGINT, number INTEGER, previous BIGINT, previous_status VARCHAR, status VARCHAR, since TIMESTAMPTZ)`,
  );
  await session.run(
    `INSERT INTO next_memberships
     SELECT person, number, previous, previous_status,
       CASE WHEN matches THEN CASE WHEN was_in THEN $3::VARCHAR ELSE 'realized' END
            WHEN was_in OR since >= $4::TIMESTAMPTZ THEN 'exited' END,
       CASE WHEN matches = was_in THEN since ELSE $2::TIMESTAMPTZ END
     FROM (
       SELECT coalesce(n.person, o.person) AS person, coalesce(n.number, o.number) AS number, o.previous,
         o.status AS previous_status, o.since, n.person IS NOT NULL AS matches, coalesce(o.status <> 'exited', false) AS was_in
       FROM segment_matches n
       FULL JOIN (
         SELECT m.person, s.number, m.rowid AS previous, m.status, m.last_qualification_time AS since
         FROM segment_memberships m JOIN evaluated_segments s USING (segment_id)
         WHERE m.sandbox = $1 AND m.segment_ns = '${platformNamespace}'
       ) o ON o.person = n.person AND o.number = n.number)`,
    [sandbox, now, staying, new Date(now.getTime() - exitedLifetimeMs)],
  );
  const isChanged = 'status IS DISTINCT FROM previous_status';
  await session.run(
    `DELETE FROM segment_memberships WHERE rowid IN (SELECT previous FROM next_memberships WHERE ${isChanged} AND previous IS NOT NULL)`,
  );
  await session.run(
    `INSERT INTO segment_memberships (sandbox, person, segment_ns, segment_id, status, last_qualification_time)
     SELECT $1, person, '${platformNamespace}', segment_id, status, since
     FROM next_memberships JOIN evaluated_segments USING (number) WHERE ${isChanged} AND status IS NOT NULL ORDER BY person`,
    [sandbox],
  );
}
