import { createHash } from 'node:crypto';
import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import { profileDatasets, type SeededMergePolicy } from '../catalog/population.ts';
import type { Database } from '../store/connection.ts';
import { identifier, Parameters, type Statement } from '../store/sql.ts';
import { type ObjectField, object, prune, storedPaths } from '../xdm/field.ts';
import { toXdmObject, type XdmObject } from '../xdm/json.ts';
import { identityNamespaces } from '../xdm/schema.ts';
import { membershipMap, membershipsByPerson } from './compile-export.ts';
import { findProfiles, type IdentityReference, type ProfileKey, xidOf } from './find-profiles.ts';
import { identityExpressions, mergedProfile } from './merged-profile.ts';
import { renderField } from './xdm-sql.ts';

export type { XdmObject } from '../xdm/json.ts';
export { type IdentityReference, xidOf } from './find-profiles.ts';

export interface ProfileQuery {
  readonly sandbox: string;
  readonly identities: readonly IdentityReference[];
  /** Dotted XDM paths; null = every field. Paths that the schema does not have are ignored. */
  readonly fields: readonly string[] | null;
  /** Merge policy id; null = the sandbox's default policy. @default null */
  readonly mergePolicyId?: string | null;
}

/** A profile, assembled according to the merge policy. */
export interface ProfileEntity {
  readonly mergePolicyId: string;
  /** Datasets whose fragments make up the profile; empty when only events are known. */
  readonly sources: readonly string[];
  /** Batches that last wrote these fragments. */
  readonly tags: readonly string[];
  /** XIDs of all identities of the profile, primary identity first. */
  readonly identityGraph: readonly string[];
  /** The requested fields. */
  readonly entity: XdmObject;
  readonly lastModifiedAt: Date;
}

export interface ProfileLookup {
  readonly requested: IdentityReference;
  /** XID of the requested identity, present even if no profile has it. */
  readonly xid: string;
  /** The profile; null when no profile has the identity. Identities of the same profile get the same object. */
  readonly profile: ProfileEntity | null;
}

/**
 * Reads the profiles that have these identities, in the order of the identities.
 * @throws {UnknownMergePolicyError}
 */
export async function readProfiles(
  db: Pick<Database, 'all' | 'fields'>,
  { sandbox, identities, fields, mergePolicyId = null }: ProfileQuery,
): Promise<readonly ProfileLookup[]> {
  const policy = findMergePolicy(mergePolicyId);
  const found = await findProfiles(db, sandbox, identities, policy.identityGraph.type === 'pdg');
  const keys = [...new Set(found.filter((key) => key !== null))];
  const profiles = keys.length === 0 ? null : await readEntities(db, sandbox, keys, fields, policy);
  return identities.map((requested, position) => {
    const key = found[position] ?? null;
    return { requested, xid: xidOf(requested), profile: (key && profiles?.get(nameOf(key))) ?? null };
  });
}

const nameOf = ({ person, source }: ProfileKey) => `${person} ${source}`;

interface ProfileRow {
  readonly key: ProfileKey;
  readonly entity: Readonly<Record<string, unknown>>;
  readonly graph: readonly { readonly xid: string; readonly primary: boolean }[];
}

interface FragmentRow {
  readonly person: number;
  readonly source: string;
  readonly updated: Date;
}

async function readEntities(
  db: Pick<Database, 'all' | 'fields'>,
  sandbox: string,
  keys: readonly ProfileKey[],
  fields: readonly string[] | null,
  policy: SeededMergePolicy,
): Promise<ReadonlyMap<string, ProfileEntity>> {
  const statement = compileProfiles(sandbox, keys, prune(db.fields.profileSchema, fields) ?? object({}), policy);
  const [rows, fragments] = await Promise.all([
    db.all<ProfileRow>(statement.sql, statement.parameters),
    db.all<FragmentRow>(
      `SELECT person, source, updated_at AS updated FROM profile_fragments
       WHERE sandbox = $1 AND person IN (SELECT unnest($2::VARCHAR[])::BIGINT) ORDER BY person, source`,
      [sandbox, keys.map(({ person }) => String(person))],
    ),
  ]);
  return new Map(
    rows.map(({ key, entity, graph }) => {
      const own = fragments.filter(
        ({ person, source }) => person === key.person && (key.source === null || key.source === source),
      );
      return [
        nameOf(key),
        {
          mergePolicyId: policy.id,
          ...provenance(sandbox, own),
          identityGraph: graph.toSorted((a, b) => Number(b.primary) - Number(a.primary)).map(({ xid }) => xid),
          entity: toXdmObject(entity),
          lastModifiedAt: new Date(Math.max(...own.map(({ updated }) => updated.getTime()))),
        },
      ];
    }),
  );
}

function provenance(sandbox: string, fragments: readonly FragmentRow[]): Pick<ProfileEntity, 'sources' | 'tags'> {
  const loads = fragments.flatMap(({ source, updated }) => {
    const dataset = profileDatasets.find((each) => each.source === source);
    return dataset === undefined ? [] : [{ dataset: dataset.id, updated }];
  });
  return {
    sources: loads.map(({ dataset }) => dataset),
    tags: loads.map(({ dataset, updated }) => batchOf(sandbox, dataset, updated)),
  };
}

/** Id of the daily batch of a dataset. It has the platform's form: 32 hexadecimal digits. */
function batchOf(sandbox: string, dataset: string, updated: Date): string {
  const day = updated.toISOString().slice(0, 'YYYY-MM-DD'.length);
  return createHash('md5').update(`${sandbox}:${dataset}:${day}`).digest('hex');
}

/** Selects a `ProfileRow` for each key. */
function compileProfiles(
  sandbox: string,
  keys: readonly ProfileKey[],
  schema: ObjectField,
  policy: SeededMergePolicy,
): Statement {
  const profile = mergedProfile(policy);
  const parameters = new Parameters();
  const people = parameters.add(keys.map(({ person }) => String(person)));
  const source = profile.stitched
    ? 'NULL::profile_source'
    : `unnest(${parameters.add(keys.flatMap((key) => key.source ?? []))}::VARCHAR[])::profile_source`;
  const inPart = `sandbox = ${parameters.add(sandbox)} AND person IN (SELECT person FROM k)`;
  const attributes = storedPaths(schema).filter((path) => !derivedFields.has(path));
  const columns = [
    'k.person AS "key.person"',
    'k.source AS "key.source"',
    ...attributes.map((path) => `${profile.attribute(path)} AS ${identifier(path)}`),
    ...identityNamespaces.map((namespace) => `${profile.identities(namespace)} AS ${identifier(namespace)}`),
    `${membershipMap((namespace) => `m.${identifier(namespace)}`)} AS "segmentMembership"`,
  ];
  const identities = identityExpressions();
  const entity = Object.entries(schema.fields).map(
    ([name, field]) => `'${name}': ${renderField(field, name, 'p', parameters)}`,
  );
  const sql = `WITH k AS MATERIALIZED (SELECT unnest(${people}::VARCHAR[])::BIGINT AS person, ${source} AS source),
    m AS (${membershipsByPerson(inPart)}),
    r AS (SELECT ${columns.join(', ')} FROM k ${profile.joins(inPart)} LEFT JOIN m ON m.person = k.person),
    p AS (SELECT r.*, ${identities.identities} AS "identities", ${identities.identityMap} AS "identityMap" FROM r)
    SELECT {'person': p."key.person", 'source': p."key.source"} AS key,
      ${entity.length === 0 ? 'MAP {}' : `{${entity.join(', ')}}`} AS entity,
      list_transform(p."identities", lambda each: {'xid': each.xid, 'primary': each."primary"}) AS graph
    FROM p`;
  return { sql, parameters: parameters.values };
}

/**
 * Fields that are not attributes of a fragment. They are always computed, because the identity graph needs most of
 * them.
 */
const derivedFields: ReadonlySet<string> = new Set(['identities', 'identityMap', 'segmentMembership']);
