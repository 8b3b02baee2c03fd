import type { SegmentNamespace } from '../xdm/schema.ts';

/** A dataset from which the seeded profiles were ingested. */
export interface ProfileDataset {
  readonly id: string;
  readonly source: 'crm' | 'loyalty';
  readonly name: string;
  readonly description: string;
}

export const profileDatasets = [
  {
    id: '5f1a3c0be4b0a91d7c2e4401',
    source: 'crm',
    name: 'CRM Profiles',
    description: 'Customer master data, loaded nightly from the CRM.',
  },
  {
    id: '5f1a3c0be4b0a91d7c2e4402',
    source: 'loyalty',
    name: 'Loyalty Profiles',
    description: 'Members of the loyalty programme, streamed by the loyalty system.',
  },
] as const satisfies readonly ProfileDataset[];

/** A rule that merges the fragments of a person into profiles. */
export interface SeededMergePolicy {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly default: boolean;
  readonly isActiveOnEdge: boolean;
  /** `pdg`: fragments that share identities form one profile. `none`: each fragment is a profile. */
  readonly identityGraph: { readonly type: 'pdg' | 'none' };
  /**
   * Rule for conflicting attribute values: the most recently updated fragment wins, or the fragment whose dataset is
   * first in `order`.
   */
  readonly attributeMerge:
    | { readonly type: 'timestampOrdered' }
    | { readonly type: 'dataSetPrecedence'; readonly order: readonly string[] };
}

/** Merge policies of every seeded sandbox. Exactly one is the default. */
export const seededMergePolicies: readonly SeededMergePolicy[] = [
  {
    id: '0bf16e61-90e9-4204-b8fa-ad250360957b',
    name: 'Default Timebased',
    version: 1,
    default: true,
    isActiveOnEdge: true,
    identityGraph: { type: 'pdg' },
    attributeMerge: { type: 'timestampOrdered' },
  },
  {
    id: '49d86bf3-f0f9-4d0e-9d2a-2f3f1c4a8d15',
    name: 'CRM before Loyalty',
    version: 2,
    default: false,
    isActiveOnEdge: false,
    identityGraph: { type: 'pdg' },
    attributeMerge: { type: 'dataSetPrecedence', order: profileDatasets.map(({ id }) => id) },
  },
  {
    id: '2b43d78d-0ad4-4c1e-ac2d-574c09b01119',
    name: 'No Stitching',
    version: 1,
    default: false,
    isActiveOnEdge: false,
    identityGraph: { type: 'none' },
    attributeMerge: { type: 'timestampOrdered' },
  },
];

/** One comparison of a segment's expression: an attribute that every member's profile has, and its value. */
export interface SegmentCondition {
  readonly path: string;
  readonly operator: '=' | '!=' | '>' | '>=' | '<' | '<=';
  readonly value: string | number | boolean;
}

export interface SeededSegment {
  readonly id: string;
  readonly namespace: SegmentNamespace;
  readonly name: string;
  readonly description: string;
  /** PQL text; null for segments that another system (Audience Manager, Advertising Cloud) evaluates. */
  readonly expression: string | null;
  /** The conditions of the expression, which must all hold; null for segments of another system. */
  readonly conditions: readonly SegmentCondition[] | null;
}

const segment = (
  id: string,
  name: string,
  description: string,
  conditions: readonly SegmentCondition[],
): SeededSegment => ({
  id,
  namespace: 'ups',
  name,
  description,
  expression: conditions.map((each) => `${each.path} ${each.operator} ${JSON.stringify(each.value)}`).join(' and '),
  conditions,
});

const externalSegment = (
  namespace: Exclude<SegmentNamespace, 'ups'>,
  id: string,
  name: string,
  description: string,
): SeededSegment => ({ id, namespace, name, description, expression: null, conditions: null });

const is = (path: string, operator: SegmentCondition['operator'], value: SegmentCondition['value']) => ({
  path,
  operator,
  value,
});

/**
 * Segments of every seeded sandbox. The seeded members of a segment with an expression are the profiles that fulfil it
 * under the default merge policy.
 */
export const seededSegments: readonly SeededSegment[] = [
  segment(
    '3f5a2c1e-8b7d-4e6f-9a10-b2c3d4e5f601',
    'Loyal customers in Germany',
    'Loyalty members who live in Germany and hold more than 5,000 points.',
    [is('homeAddress.countryCode', '=', 'DE'), is('loyalty.points', '>', 5000)],
  ),
  segment('7c9e6679-7425-40de-944b-e07fc1f90a02', 'Gold tier', 'Members of the gold tier.', [
    is('loyalty.tier', '=', 'gold'),
  ]),
  segment('1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4b03', 'Platinum in the United States', 'Platinum members in the US.', [
    is('homeAddress.countryCode', '=', 'US'),
    is('loyalty.tier', '=', 'platinum'),
  ]),
  segment('9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb04', 'Email opt-in', 'People who agreed to marketing by email.', [
    is('consents.marketing.email.val', '=', 'y'),
  ]),
  segment(
    '6ec0bd7f-11c0-43da-975e-2a8ad9ebae05',
    'SMS reachable in France',
    'People in France who agreed to marketing by SMS.',
    [is('homeAddress.countryCode', '=', 'FR'), is('consents.marketing.sms.val', '=', 'y')],
  ),
  segment('f47ac10b-58cc-4372-a567-0e02b2c3d406', 'Spanish speakers', 'People who prefer Spanish.', [
    is('preferredLanguage', '=', 'es'),
  ]),
  segment('550e8400-e29b-41d4-a716-446655440007', 'Few points left', 'Loyalty members with fewer than 500 points.', [
    is('loyalty.points', '<', 500),
  ]),
  segment('c9bf9e57-1685-4c89-bafb-ff5af830be08', 'Women in London', 'Women whose home is London.', [
    is('homeAddress.city', '=', 'London'),
    is('person.gender', '=', 'female'),
  ]),
  segment('e4eaaaf2-d142-41b3-bf1d-6b4f6a3c8e09', 'Test profiles', 'Profiles made for testing journeys.', [
    is('testProfile', '=', true),
  ]),
  segment(
    'a3bb189e-8bf9-4888-9912-ace4e6543010',
    'High-value email audience',
    'Loyalty members with at least 15,000 points who agreed to marketing by email.',
    [is('loyalty.points', '>=', 15_000), is('consents.marketing.email.val', '=', 'y')],
  ),
  externalSegment('AAM', '10329485', 'Travel intenders', 'Third-party trait: looked at flights or hotels recently.'),
  externalSegment('AAM', '10329611', 'Sports enthusiasts', 'Reads about running, cycling or football.'),
  externalSegment('AAM', '10330027', 'New parents', 'Household with a child younger than two years.'),
  externalSegment('AdCloud', '7f3c0a1d', 'Search retargeting', 'Clicked a search advertisement and left.'),
  externalSegment('AdCloud', '7f3c0b92', 'Video completers', 'Watched a video advertisement to its end.'),
];
