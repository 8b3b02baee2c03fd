import { createHash } from 'node:crypto';
import type { SqlExecutor } from '../store/connection.ts';
import { identifier, literal, Parameters } from '../store/sql.ts';
import { type IdentityNamespace, identityNamespaces } from '../xdm/schema.ts';
import { identityColumn } from './merged-profile.ts';

/** Reference of a caller to a profile: an identity, or the XID of an identity. */
export interface IdentityReference {
  /** Code of a namespace, compared without case; null when `value` is an XID. */
  readonly namespace: string | null;
  readonly value: string;
}

/** Key of a stored profile: a person or, when fragments are not stitched, one fragment of a person. */
export interface ProfileKey {
  readonly person: number;
  /** Source of the fragment; null when stitched. */
  readonly source: string | null;
}

/** XID of an identity. It is stable, and equals the XID in the profile's `identities`. */
export function xidOf({ namespace, value }: IdentityReference): string {
  if (namespace === null) return value;
  const code = knownNamespace(namespace) ?? namespace;
  // The same digest that the database computes for the identities that it lists. It has no security purpose.
  return createHash('md5').update(`${code}:${value}`).digest('hex');
}

function knownNamespace(code: string): IdentityNamespace | undefined {
  return identityNamespaces.find((each) => each.toLowerCase() === code.toLowerCase());
}

/**
 * Finds the profiles that have these identities. If several unstitched fragments have the same identity, the most
 * recently updated one is used.
 * @returns profiles in the order of the references; null when no profile has the identity. References to the
 *   same profile get the same object.
 */
export async function findProfiles(
  db: Pick<SqlExecutor, 'all'>,
  sandbox: string,
  references: readonly IdentityReference[],
  stitched: boolean,
): Promise<readonly (ProfileKey | null)[]> {
  const parameters = new Parameters(sandbox);
  const searches = identityNamespaces.flatMap((namespace) => {
    const column = `f.${identifier(identityColumn(namespace))}`;
    const isIn = (reference: IdentityReference) =>
      reference.namespace !== null && knownNamespace(reference.namespace) === namespace;
    return [
      search(references, isIn, column, parameters),
      search(references, isXid, `md5(${literal(`${namespace}:`)} || ${column})`, parameters),
    ].flat();
  });
  if (searches.length === 0) return references.map(() => null);
  const rows = await db.all<ProfileKey & { position: string }>(
    `SELECT position, person, source FROM (${searches.join(' UNION ALL ')})
     QUALIFY row_number() OVER (PARTITION BY position ORDER BY updated_at DESC, source) = 1`,
    parameters.values,
  );
  const keys = new Map<string, ProfileKey>();
  const byPosition = new Map<number, ProfileKey>();
  for (const { position, person, source } of rows) {
    const key = { person, source: stitched ? null : source };
    const name = `${key.person} ${key.source}`;
    const known = keys.get(name) ?? key;
    keys.set(name, known);
    byPosition.set(Number(position), known);
  }
  return references.map((_, position) => byPosition.get(position) ?? null);
}

const isXid = ({ namespace }: IdentityReference) => namespace === null;

/**
 * Selects the fragments for which an expression equals the value of one of these references. Returns no statement when
 * there is no reference.
 */
function search(
  references: readonly IdentityReference[],
  isSearched: (reference: IdentityReference) => boolean,
  expression: string,
  parameters: Parameters,
): readonly string[] {
  const searched = [...references.entries()].filter(([, reference]) => isSearched(reference));
  if (searched.length === 0) return [];
  const positions = parameters.add(searched.map(([position]) => String(position)));
  const values = parameters.add(searched.map(([, { value }]) => value));
  return [
    `SELECT q.position, f.person, f.source, f.updated_at
     FROM (SELECT unnest(${positions}::VARCHAR[]) AS position, unnest(${values}::VARCHAR[]) AS value) q
     JOIN profile_fragments f ON ${expression} = q.value WHERE f.sandbox = $1`,
  ];
}
