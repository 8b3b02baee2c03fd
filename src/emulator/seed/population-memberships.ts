import { type SeededSegment, seededMergePolicies, seededSegments } from '../catalog/population.ts';
import { mergedProfile } from '../engine/merged-profile.ts';
import { literal } from '../store/sql.ts';
import { derivedHash, draws } from './population-draws.ts';

const qualificationSpanSeconds = 60 * 86_400;
const externalMembershipPercent = 12;
const exitedPercent = 4;

/**
 * Memberships of all people, from the relation `seed_people` (person, h) and the fragments of a sandbox. A person who
 * fulfils an expression is in that segment. A few of the others are former members.
 * @param fragments a condition on `profile_fragments`
 * @param now an expression of type BIGINT: seconds since 1970
 * @returns a SELECT of (person, segment_ns, segment_id, status, last_qualification_time)
 */
export function selectMemberships(fragments: string, now: string): string {
  const policy = seededMergePolicies.find((each) => each.default);
  if (policy === undefined) throw new Error('No seeded merge policy is the default.');
  const profile = mergedProfile(policy);
  const status = (segment: SeededSegment) => {
    const draw = draws(derivedHash('k.h', segment.id));
    const current = `CASE WHEN ${draw.chance('existing', 40)} THEN 'existing' ELSE 'realized' END`;
    const exited = `CASE WHEN ${draw.chance('exited', exitedPercent)} THEN 'exited' END`;
    const isMember =
      segment.conditions === null
        ? draw.chance('member', externalMembershipPercent)
        : segment.conditions
            .map(({ path, operator, value }) => {
              const expected = typeof value === 'string' ? literal(value) : String(value);
              return `${profile.attribute(path)} ${operator} ${expected}`;
            })
            .join(' AND ');
    return `CASE WHEN ${isMember} THEN ${current} ELSE ${exited} END`;
  };
  const candidates = seededSegments.map(
    (segment) =>
      `{'ns': ${literal(segment.namespace)}, 'id': ${literal(segment.id)}, 'status': ${status(segment)},
        'ago': ${draws(derivedHash('k.h', segment.id)).number('ago', qualificationSpanSeconds)}}`,
  );
  return `SELECT person, membership.ns, membership.id, membership.status, to_timestamp(${now} - membership.ago)
    FROM (SELECT k.person, unnest(list_filter([${candidates.join(',\n')}], lambda each: each.status IS NOT NULL)) AS membership
      FROM seed_people k ${profile.joins(fragments)})`;
}
