import type { Migration } from './migration.ts';

/**
 * People as the source datasets know them. Each attribute is a column named by its XDM path, so that an export reads
 * only the requested attributes, and the merge of two fragments is a choice per column.
 * Rows are written in the order of (sandbox, person), so that a range of people is a range of the table.
 */
export const population: Migration = {
  id: '0001-population',
  statements: [
    `CREATE TABLE populations (sandbox VARCHAR PRIMARY KEY, profiles BIGINT NOT NULL, seed BIGINT NOT NULL)`,

    // 'events': fragment of a person who is known only from events. Such a person has no other fragment.
    `CREATE TYPE profile_source AS ENUM ('crm', 'loyalty', 'events')`,

    `CREATE TABLE profile_fragments (
      sandbox VARCHAR NOT NULL,
      person BIGINT NOT NULL,
      source profile_source NOT NULL,
      updated_at TIMESTAMPTZ NOT NULL,
      "identity.CRMID" VARCHAR,
      "identity.Loyalty" VARCHAR,
      "identity.Email" VARCHAR,
      "identity.Phone" VARCHAR,
      "identity.ECID" VARCHAR,
      "_id" VARCHAR,
      "person.name.firstName" VARCHAR,
      "person.name.lastName" VARCHAR,
      "person.birthDate" DATE,
      "person.gender" VARCHAR,
      "personalEmail.address" VARCHAR,
      "mobilePhone.number" VARCHAR,
      "homeAddress.street1" VARCHAR,
      "homeAddress.city" VARCHAR,
      "homeAddress.postalCode" VARCHAR,
      "homeAddress.region" VARCHAR,
      "homeAddress.countryCode" VARCHAR,
      "loyalty.tier" VARCHAR,
      "loyalty.points" INTEGER,
      "loyalty.joinDate" TIMESTAMPTZ,
      "preferredLanguage" VARCHAR,
      "consents.collect.val" VARCHAR,
      "consents.marketing.email.val" VARCHAR,
      "consents.marketing.sms.val" VARCHAR,
      "consents.metadata.time" TIMESTAMPTZ,
      "optInOut._channels.email" VARCHAR,
      "optInOut._channels.phone" VARCHAR,
      "testProfile" BOOLEAN
    )`,

    `CREATE TABLE experience_events (
      sandbox VARCHAR NOT NULL,
      person BIGINT NOT NULL,
      source profile_source NOT NULL,
      "_id" VARCHAR NOT NULL,
      "eventType" VARCHAR NOT NULL,
      "timestamp" TIMESTAMPTZ NOT NULL,
      "receivedTimestamp" TIMESTAMPTZ NOT NULL,
      "web.webPageDetails.name" VARCHAR,
      "web.webPageDetails.URL" VARCHAR,
      "environment.browserDetails.name" VARCHAR,
      "environment.browserDetails.version" VARCHAR,
      "environment.browserDetails.userAgent" VARCHAR,
      "commerce.order.priceTotal" DOUBLE,
      "commerce.order.currencyCode" VARCHAR,
      "commerce.purchases.value" DOUBLE,
      "commerce.productViews.value" DOUBLE,
      "productListItems" STRUCT("SKU" VARCHAR, "name" VARCHAR, quantity INTEGER, "priceTotal" DOUBLE)[]
    )`,

    `CREATE TABLE segment_memberships (
      sandbox VARCHAR NOT NULL,
      person BIGINT NOT NULL,
      segment_ns VARCHAR NOT NULL,
      segment_id VARCHAR NOT NULL,
      status VARCHAR NOT NULL,
      last_qualification_time TIMESTAMPTZ NOT NULL
    )`,
  ],
};
