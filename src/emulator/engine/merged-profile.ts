import { profileDatasets, type SeededMergePolicy } from '../catalog/population.ts';
import { identifier, literal } from '../store/sql.ts';
import { type IdentityNamespace, identityNamespaces } from '../xdm/schema.ts';

/** SQL fragments that assemble one row per profile from `profile_fragments`. */
export interface MergedProfile {
  /** Whether a row is a person (all fragments) or a single fragment of a person. */
  readonly stitched: boolean;
  /**
   * Joins the fragments to a relation `k` of (person, source); `source` is ignored when stitched.
   * @param fragments a condition on `profile_fragments` (columns unqualified) that bounds the rows that are read
   */
  joins(fragments: string): string;
  /** Expression for the value of an attribute, by its dotted path. */
  attribute(path: string): string;
  /** Expression for the list of distinct identities in a namespace, as text; empty when there are none. */
  identities(namespace: IdentityNamespace): string;
}

export function mergedProfile(policy: SeededMergePolicy): MergedProfile {
  switch (policy.identityGraph.type) {
    case 'pdg':
      return stitchedProfile(policy);
    case 'none':
      return fragmentProfile;
  }
}

const fragmentProfile: MergedProfile = {
  stitched: false,
  joins: (fragments) =>
    `JOIN (SELECT * FROM profile_fragments WHERE ${fragments}) f ON f.person = k.person AND f.source = k.source`,
  attribute: (path) => `f.${identifier(path)}`,
  identities: (namespace) => listOfKnown([`f.${identifier(identityColumn(namespace))}`]),
};

function stitchedProfile(policy: SeededMergePolicy): MergedProfile {
  const crmWins = crmPrecedence(policy);
  return {
    stitched: true,
    // Each side has at most one fragment per person, because a person who is known only from events has no CRM record.
    joins: (fragments) =>
      `LEFT JOIN (SELECT * FROM profile_fragments WHERE source <> 'loyalty' AND ${fragments}) c ON c.person = k.person
       LEFT JOIN (SELECT * FROM profile_fragments WHERE source = 'loyalty' AND ${fragments}) l ON l.person = k.person`,
    attribute: (path) => {
      const column = identifier(path);
      return `CASE WHEN ${crmWins} THEN coalesce(c.${column}, l.${column}) ELSE coalesce(l.${column}, c.${column}) END`;
    },
    identities: (namespace) => {
      const column = identifier(identityColumn(namespace));
      return listOfKnown([`c.${column}`, `CASE WHEN l.${column} IS DISTINCT FROM c.${column} THEN l.${column} END`]);
    },
  };
}

/**
 * Condition for the CRM fragment's values to win. It is null when the CRM or the loyalty fragment is missing, because
 * there is no conflict then.
 */
function crmPrecedence({ attributeMerge }: SeededMergePolicy): string {
  switch (attributeMerge.type) {
    case 'timestampOrdered':
      return 'c.updated_at >= l.updated_at';
    case 'dataSetPrecedence': {
      const [first] = profileDatasets
        .filter(({ id }) => attributeMerge.order.includes(id))
        .toSorted((a, b) => attributeMerge.order.indexOf(a.id) - attributeMerge.order.indexOf(b.id));
      return first?.source === 'loyalty' ? 'false' : 'true';
    }
  }
}

const listOfKnown = (values: readonly string[]) => `list_filter([${values.join(', ')}], lambda id: id IS NOT NULL)`;

/** Column of `profile_fragments` with a fragment's identity in a namespace. */
export const identityColumn = (namespace: IdentityNamespace): string => `identity.${namespace}`;

/** `authenticated` for namespaces that a person proves by signing in. The other identities come from a device. */
const authenticatedState: Readonly<Record<IdentityNamespace, 'authenticated' | 'ambiguous'>> = {
  CRMID: 'authenticated',
  Loyalty: 'authenticated',
  Email: 'ambiguous',
  Phone: 'ambiguous',
  ECID: 'ambiguous',
};

/** The first identity of a profile in this order is its primary identity. */
const primaryOrder = identityNamespaces;

/**
 * The columns `identities` (a list) and `identityMap` (namespace to list). They are computed from a relation `r` with
 * one column per namespace, which holds the list of its identities.
 */
export function identityExpressions(): { readonly identities: string; readonly identityMap: string } {
  const lists = primaryOrder.map((namespace, index) => {
    const column = `r.${identifier(namespace)}`;
    const earlier = primaryOrder.slice(0, index).map((other) => `len(r.${identifier(other)}) = 0`);
    const isPrimary = ['position = 1', ...earlier].join(' AND ');
    return {
      namespace,
      column,
      items: (entry: (id: string, primary: string) => string) =>
        `list_transform(${column}, lambda id, position: ${entry('id', isPrimary)})`,
    };
  });
  const identities = lists.map(({ namespace, items }) =>
    items(
      (id, primary) =>
        `{'id': ${id}, 'xid': md5(${literal(`${namespace}:`)} || ${id}), 'namespace': {'code': ${literal(namespace)}}, 'primary': ${primary}}`,
    ),
  );
  const identityMap = lists.map(
    ({ namespace, items }) =>
      `{'key': ${literal(namespace)}, 'value': ${items(
        (id, primary) =>
          `{'id': ${id}, 'primary': ${primary}, 'authenticatedState': ${literal(authenticatedState[namespace])}}`,
      )}}`,
  );
  return {
    identities: `list_concat(${identities.join(', ')})`,
    identityMap: `map_from_entries(list_filter([${identityMap.join(', ')}], lambda entry: len(entry."value") > 0))`,
  };
}
