import { createHash } from 'node:crypto';
import type { SqlExecutor } from '../store/database.ts';
import { identityColumn } from './merged-profile.ts';
import { identifier, literal, Parameters } from './sql.ts';
import { type IdentityNamespace, identityNamespaces } from './xdm-schema.ts';

/** How a caller names a profile: by an identity, or by the XID of one. */
export interface IdentityReference {
  /** The code of a namespace, compared without case; null when `value` is an XID. */
  readonly namespace: string | null;
  readonly value: string;
}

/** What a profile is kept under: a person or, where fragments are not stitched, one fragment of a person. */
export interface ProfileKey {
  readonly person: number;
  /** null when stitched. */
  readonly source: string | null;
}

/** The XID of an identity: the same for the same identity, and the one that the profile's `identities` carry. */
export function xidOf({ namespace, value }: IdentityReference): string {
  if (namespace === null) return value;
  const code = knownNamespace(namespace) ?? namespace;
  // The digest that the database makes of the identities it lists; it protects nothing.
  return createHash('md5').update(`${code}:${value}`).digest('hex');
}

function knownNamespace(code: string): IdentityNamespace | undefined {
  return identityNamespaces.find((each) => each.toLowerCase() === code.toLowerCase());
}

/**
 * Finds the profiles that have these identities. Of several fragments with an identity that are not stitched, the one
 * updated last is its profile.
 * @returns in the order of the references; null where nobody has the identity. One profile is one object.
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

/** Selects the fragments of which an expression is the value of one of those references; nothing to search, no statement. */
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
