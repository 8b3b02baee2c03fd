import { array, map, object, value } from './field.ts';

/** Identity namespaces of the population, in the order in which a profile lists them. */
export const identityNamespaces = ['CRMID', 'Loyalty', 'Email', 'Phone', 'ECID'] as const;
export type IdentityNamespace = (typeof identityNamespaces)[number];

/** Namespaces of segments: the platform's own, Audience Manager's and Advertising Cloud's. */
export const segmentNamespaces = ['ups', 'AAM', 'AdCloud'] as const;
export type SegmentNamespace = (typeof segmentNamespaces)[number];

/**
 * Profile attributes that a source dataset provides. Each is stored in the column of `profile_fragments` with the name
 * of its path.
 */
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

/** Fields of a profile that an export can select: the attributes and the fields that the platform adds. */
export const profileSchema = object({
  ...profileAttributes.fields,
  identities: array({ id: value, xid: value, namespace: object({ code: value }), primary: value }),
  identityMap: map,
  segmentMembership: map,
});

/**
 * Fields of an experience event that an export can select. Each is stored in the column of `experience_events` with the
 * name of its path.
 */
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
