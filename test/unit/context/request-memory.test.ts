import { describe, expect, it } from 'vitest';
import { RequestMemory } from '../../../src/context/request-memory.ts';
import { RateLimitedError } from '../../../src/errors.ts';
import { testSession } from '../../support/session.ts';
import { tenantOf } from '../../support/tenants.ts';

const mebibyte = 1024 * 1024;
const caller = (principal: string, sandbox = 'prod') => testSession({ principal, tenant: tenantOf(sandbox) });
const ofAll = () => new RequestMemory({ isAccepted: () => true });
const ofInvented = () => new RequestMemory({ isAccepted: ({ principal }) => !principal.startsWith('invented') });

function documentOf(bytes: number) {
  const document = {
    users: 0,
    bytes,
    keep: () => {
      document.users += 1;
    },
    release: () => {
      document.users -= 1;
    },
  };
  return document;
}

const tooLarge = (what: 'requests' | 'documents', holder: 'caller' | 'sandbox') =>
  new RateLimitedError({ message: `The ${what} in progress of a ${holder} are too large together.` });

describe('the requests in progress', () => {
  it('of a caller have at most 64 MiB, and make room when they end', () => {
    const memory = ofAll();
    const first = memory.hold(caller('a'));
    for (let part = 0; part < 64; part += 1) first.grow(mebibyte);
    expect(() => memory.hold(caller('a')).grow(mebibyte)).toThrow(tooLarge('requests', 'caller'));
    memory.hold(caller('b')).grow(mebibyte);
    first[Symbol.dispose]();
    memory.hold(caller('a')).grow(mebibyte);
  });

  it('of a sandbox leave as much room as they take', () => {
    const memory = ofAll();
    const held = ['a', 'b'].map((principal) => memory.hold(caller(principal)));
    for (const each of held) each.grow(64 * mebibyte);
    expect(() => memory.hold(caller('c')).grow(mebibyte)).toThrow(tooLarge('requests', 'sandbox'));
    memory.hold(caller('a', 'dev')).grow(0);
    memory.hold(caller('c', 'dev')).grow(64 * mebibyte);
  });

  it('of invented credentials take nothing from others', () => {
    const memory = ofInvented();
    memory.hold(caller('invented 1')).grow(32 * mebibyte);
    expect(() => memory.hold(caller('invented 2')).grow(mebibyte)).toThrow(tooLarge('requests', 'sandbox'));
    memory.hold(caller('a')).grow(64 * mebibyte);
  });

  it('are not rejected while they have an ordinary size', () => {
    const memory = ofAll();
    memory.hold(caller('a')).grow(64 * mebibyte);
    const ordinary = memory.hold(caller('a'));
    ordinary.grow(16 * 1024);
    expect(() => ordinary.grow(1)).toThrow(tooLarge('requests', 'caller'));
  });
});

describe('the documents in progress', () => {
  it('of a caller have at most 32 MiB, and each counts once', () => {
    const memory = ofAll();
    const document = documentOf(32 * mebibyte);
    const held = [1, 2].map(() => memory.hold(caller('a')));
    for (const each of held) each.use(document);
    expect(() => memory.hold(caller('a')).use(documentOf(mebibyte))).toThrow(tooLarge('documents', 'caller'));
    expect(document.users).toBe(1);
    for (const each of held) each[Symbol.dispose]();
    expect(document.users).toBe(0);
    memory.hold(caller('a')).use(documentOf(32 * mebibyte));
  });

  it('of a sandbox leave as much room as they take, and include those of others without more room', () => {
    const memory = ofAll();
    const documents = [documentOf(32 * mebibyte), documentOf(32 * mebibyte)];
    for (const [index, document] of documents.entries()) memory.hold(caller(`a${index}`)).use(document);
    expect(() => memory.hold(caller('b')).use(documentOf(mebibyte))).toThrow(tooLarge('documents', 'sandbox'));
    for (const document of documents)
      memory.hold(caller(`c${document.users}${documents.indexOf(document)}`)).use(document);
    memory.hold(caller('b', 'dev')).use(documentOf(32 * mebibyte));
  });

  it('are not rejected while they have an ordinary size', () => {
    const memory = ofAll();
    memory.hold(caller('a')).use(documentOf(32 * mebibyte));
    memory.hold(caller('a')).use(documentOf(64 * 1024));
    expect(() => memory.hold(caller('a')).use(documentOf(64 * 1024 + 1))).toThrow(tooLarge('documents', 'caller'));
  });
});
