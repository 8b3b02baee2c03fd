import { derivedHash, draws } from './population-draws.ts';
import { browsers, pages, products } from './population-vocabulary.ts';

const daySeconds = 86_400;
const eventSpanSeconds = 400 * daySeconds;
/** Bounds of the time between an event and its ingestion: one minute to three days. The ingestion is before `now`. */
const minDelaySeconds = 60;
const maxDelaySeconds = 3 * daySeconds;
const minAgeSeconds = 2 * minDelaySeconds;

/** Hash of a person's event, derived from the person's hash and the number of the event. */
export const eventHash = `hash(xor(${derivedHash('h', 'event')}, sequence::UBIGINT))`;

/**
 * Columns of `experience_events`, from a relation (person, h, sequence, eh, has_crm, has_loyalty).
 * @param now an expression of type BIGINT: seconds since 1970
 */
export function eventColumns(now: string): Readonly<Record<string, string>> {
  const event = draws('eh');
  const age = `(${minAgeSeconds} + ${event.number('age', eventSpanSeconds)})`;
  const delay = `(${minDelaySeconds} + (${derivedHash('eh', 'delay')} % least(${maxDelaySeconds}, ${age} - ${minDelaySeconds})::UBIGINT)::BIGINT)`;
  // Five of ten events are page views, three are product views, two are purchases.
  const kind = event.number('kind', 10);
  const byKind = (page: string, view: string, purchase: string) =>
    `CASE WHEN ${kind} < 5 THEN ${page} WHEN ${kind} < 8 THEN ${view} ELSE ${purchase} END`;
  const page = (column: 'name' | 'url') =>
    byKind(
      event.pick(
        'page',
        pages.slice(0, 4).map((each) => each[column]),
      ),
      `'${pages[4][column]}'`,
      `'${pages[5][column]}'`,
    );
  const version = `((115 + ${event.number('version', 16)}) || '.0')`;
  const product = draws('hash(xor(eh, position::UBIGINT))');
  const items = `list_transform(range(1 + ${event.number('items', 3)}), lambda position: {
    'SKU': ${product.pick(
      'product',
      products.map(({ sku }) => sku),
    )},
    'name': ${product.pick(
      'product',
      products.map(({ name }) => name),
    )},
    'quantity': (1 + ${product.number('quantity', 3)})::INTEGER,
    'priceTotal': ((1 + ${product.number('quantity', 3)}) * ${product.pick(
      'product',
      products.map(({ price }) => price),
    )})::DOUBLE})`;
  const isPurchase = `${kind} >= 8`;
  const isCommerce = `${kind} >= 5`;
  return {
    // Purchases come from the tills, which the CRM feeds. On the web, the loyalty card identifies signed-in people.
    source: `CASE WHEN NOT has_crm AND NOT has_loyalty THEN 'events'
      WHEN has_crm AND (${isPurchase} OR NOT has_loyalty) THEN 'crm'
      WHEN has_loyalty THEN 'loyalty' END`,
    _id: `lower(to_hex(eh)) || '-' || sequence`,
    eventType: byKind(`'web.webpagedetails.pageViews'`, `'commerce.productViews'`, `'commerce.purchases'`),
    timestamp: `to_timestamp(${now} - ${age})`,
    receivedTimestamp: `to_timestamp(${now} - ${age} + ${delay})`,
    'web.webPageDetails.name': page('name'),
    'web.webPageDetails.URL': page('url'),
    'environment.browserDetails.name': event.pick(
      'browser',
      browsers.map(({ name }) => name),
    ),
    'environment.browserDetails.version': version,
    'environment.browserDetails.userAgent': `${event.pick(
      'browser',
      browsers.map(({ agent }) => agent),
    )} || ${version}`,
    'commerce.order.priceTotal': `CASE WHEN ${isPurchase} THEN round(list_sum(list_transform(${items}, lambda item: item."priceTotal")), 2) END`,
    'commerce.order.currencyCode': `CASE WHEN ${isPurchase} THEN 'EUR' END`,
    'commerce.purchases.value': `CASE WHEN ${isPurchase} THEN 1 END`,
    'commerce.productViews.value': `CASE WHEN ${kind} BETWEEN 5 AND 7 THEN 1 END`,
    productListItems: `CASE WHEN ${isCommerce} THEN ${items} END`,
  };
}
