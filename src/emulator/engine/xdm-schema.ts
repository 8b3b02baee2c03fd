import { array, map, object, value } from './xdm-field.ts';

/** The identity namespaces of the population, in the order in which they are listed in a profile. */
export const identityNamespaces = ['CRMID', 'Loyalty', 'Email', 'Phone', 'ECID'] as const;
export type IdentityNamespace = (typeof identityNamespaces)[number];

/** The namespaces of segments: the platform's own, Audience Manager's, Advertising Cloud's. */
export const segmentNamespaces = ['ups', 'AAM', 'AdCloud'] as const;
export type SegmentNamespace = (typeof segmentNamespaces)[number];

/** The profile attributes that a source dataset provides, each in a column of `profile_fragments` named by its path. */
export const profileAttributes = object({
  _id: value,
  person: object({
    name: object({ firstName: value, lastName: value }),
    birthDate: value,
    gender: value,
  }),
  personalEmail: object({ address: value }),
  mobilePhone: object({ number: value }),
  homeAddress: object({ street1: value, city: value, postalCode: value, region: value, countryCode: value }),
  loyalty: object({ tier: value, points: value, joinDate: value }),
  preferredLanguage: value,
  consents: object({
    collect: object({ val: value }),
    marketing: object({ email: object({ val: value }), sms: object({ val: value }) }),
    metadata: object({ time: value }),
  }),
  optInOut: object({ _channels: object({ email: value, phone: value }) }),
  testProfile: value,
});

/** What an export can select of a profile: the attributes, and what the platform adds to them. */
export const profileSchema = object({
  ...profileAttributes.fields,
  identities: array({ id: value, xid: value, namespace: object({ code: value }), primary: value }),
  identityMap: map,
  segmentMembership: map,
});

/** What an export can select of an experience event, each in a column of `experience_events` named by its path. */
export const eventSchema = object({
  _id: value,
  eventType: value,
  timestamp: value,
  receivedTimestamp: value,
  web: object({ webPageDetails: object({ name: value, URL: value }) }),
  environment: object({ browserDetails: object({ name: value, version: value, userAgent: value }) }),
  commerce: object({
    order: object({ priceTotal: value, currencyCode: value }),
    purchases: object({ value }),
    productViews: object({ value }),
  }),
  productListItems: array({ SKU: value, name: value, quantity: value, priceTotal: value }),
});
