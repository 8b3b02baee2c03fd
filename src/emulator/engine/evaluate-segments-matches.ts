import type { SeededMergePolicy } from '../catalog/population.ts';
import { compilePql } from '../pql/compile-pql.ts';
import { eventRelation, type PqlTarget } from '../pql/compiler.ts';
import { Parameters, type Statement } from '../store/sql.ts';
import { standardFields, type XdmFields } from '../xdm/own-fields.ts';
import { mergedProfile } from './merged-profile.ts';

/** A segment with its number in the temporary tables of the evaluation. */
export interface NumberedSegment {
  readonly number: number;
  /** PQL text. */
  readonly expression: string;
}

/** Wraps the compilation of one expression, for example to add the segment to its error. */
export type CompileExpression = (segment: NumberedSegment, compile: () => string) => string;

/** Namespace of the platform's own segments. */
export const platformNamespace = 'ups';

/**
 * Selects (person, number) for each expression that a person fulfils now. The candidates are all people with a record
 * or an event.
 * Under a merge policy that does not stitch, a person fulfils an expression when at least one of their fragments does.
 */
export function compileMatches(
  sandbox: string,
  policy: SeededMergePolicy,
  segments: readonly NumberedSegment[],
  now: Date,
  compileExpression: CompileExpression,
  { profileFields, eventFields }: XdmFields = standardFields,
): Statement {
  const profile = mergedProfile(policy);
  const parameters = new Parameters();
  const inSandbox = `sandbox = ${parameters.add(sandbox)}`;
  const events: string[] = [];
  const memberships: string[] = [];
  const target: PqlTarget = {
    parameters,
    now,
    profileFields,
    eventFields,
    attribute: (path) => profile.attribute(path),
    eventAggregate: (aggregate) => `e.a${events.push(aggregate) - 1}`,
    isInSegment: (segmentId) => `coalesce(m.s${memberships.push(`bool_or(segment_id = ${segmentId})`) - 1}, false)`,
  };
  const matches = segments.map((segment) => {
    const condition = compileExpression(segment, () => compilePql(segment.expression, target));
    return `CASE WHEN ${condition} THEN ${segment.number} END`;
  });

  const key = profile.stitched ? 'person' : 'person, source';
  const relations = [
    `k AS (SELECT DISTINCT person, ${profile.stitched ? 'NULL AS source' : 'source'} FROM profile_fragments WHERE ${inSandbox})`,
  ];
  const joins = [profile.joins(inSandbox)];
  if (events.length > 0) {
    relations.push(
      `e AS (SELECT ${key}, ${named(events, 'a')} FROM experience_events ${eventRelation} WHERE ${inSandbox} GROUP BY ${key})`,
    );
    joins.push(`LEFT JOIN e ON e.person = k.person${profile.stitched ? '' : ' AND e.source = k.source'}`);
  }
  if (memberships.length > 0) {
    relations.push(
      `m AS (SELECT person, ${named(memberships, 's')} FROM segment_memberships
        WHERE ${inSandbox} AND segment_ns = '${platformNamespace}' AND status <> 'exited' GROUP BY person)`,
    );
    joins.push('LEFT JOIN m ON m.person = k.person');
  }
  const sql = `WITH ${relations.join(',\n')}
    SELECT ${profile.stitched ? '' : 'DISTINCT '}person, unnest(list_filter(numbers, lambda number: number IS NOT NULL)) AS number
    FROM (SELECT k.person, [${matches.join(', ')}]::INTEGER[] AS numbers FROM k ${joins.join(' ')})`;
  return { sql, parameters: parameters.values };
}

const named = (expressions: readonly string[], prefix: string) =>
  expressions.map((expression, index) => `${expression} AS ${prefix}${index}`).join(', ');
