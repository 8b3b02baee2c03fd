import { describe, expect, it } from 'vitest';
import { isFromForeignPage } from '../../../src/runtime/origin.ts';

const trustsNone = () => false;
const isForeign = (headers: Record<string, string>, trusts: (origin: string) => boolean = trustsNone) =>
  isFromForeignPage({ host: 'gateway.test:4000', ...headers }, trusts);

describe('a request', () => {
  it('is not from a foreign page if it has no header of a browser', () => {
    expect(isForeign({})).toBe(false);
  });

  it('is not from a foreign page if the page is the server’s own or a trusted one', () => {
    expect(isForeign({ origin: 'http://gateway.test:4000' })).toBe(false);
    expect(isForeign({ origin: 'https://app.test' }, (origin) => origin === 'https://app.test')).toBe(false);
    // A trusted origin is accepted regardless of the relation of the sites that the browser reports.
    expect(isForeign({ origin: 'https://app.test', 'sec-fetch-site': 'cross-site' }, () => true)).toBe(false);
  });

  it.each(['https://app.test', 'http://gateway.test', 'http://gateway.test:4001', 'null', ''])(
    'is from a foreign page if its origin is another one: %s',
    (origin) => {
      expect(isForeign({ origin })).toBe(true);
    },
  );

  it.each(['cross-site', 'same-site'])('without an origin is from a foreign page if it is %s', (site) => {
    expect(isForeign({ 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' })).toBe(true);
    expect(isForeign({ 'sec-fetch-site': site })).toBe(true);
  });

  it.each(['cross-site', 'same-site'])('is the visitor’s own if a %s link was followed', (site) => {
    expect(isForeign({ 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' })).toBe(false);
  });

  it.each(['same-origin', 'none'])('without an origin is not from a foreign page if it is %s', (site) => {
    expect(isForeign({ 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' })).toBe(false);
  });
});
