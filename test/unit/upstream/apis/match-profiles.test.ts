import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityKey, matchProfiles } from '../../../../src/upstream/apis/match-profiles.ts';
import type { Identity, ProfileEntry } from '../../../../src/upstream/wire/profile.ts';

const email = (value: string): Identity => ({ namespace: 'email', value });
const jane = email('jane');
const john = email('john');
const kim = email('kim');

interface About {
  readonly requested?: Identity;
  readonly identities?: readonly Identity[];
}

const person = (entityId: string, { requested, identities = [] }: About = {}): ProfileEntry => ({
  content: { kind: 'profile', profile: { entityId, attributes: {}, segmentMemberships: [], lastModifiedAt: null } },
  requested: requested ?? null,
  identities,
});
const nobody = (requested: Identity | null = null): ProfileEntry => ({
  content: { kind: 'nobody' },
  requested,
  identities: [],
});
const failure = (requested: Identity | null = null): ProfileEntry => ({
  content: { kind: 'failure', error: { status: 422, error: {} } },
  requested,
  identities: [],
});

/** The result for each identity: the id of the person, or the other kind of content. */
const match = (asked: readonly Identity[], entries: readonly ProfileEntry[]) =>
  matchProfiles(asked, entries).map((found) => {
    if (found === 'unsettled') return found;
    return found.kind === 'profile' ? found.profile.entityId : found.kind;
  });

describe('an identity', () => {
  it('has the entry that names it, otherwise the entry of a person with this identity', () => {
    const entries = [person('B', { identities: [john] }), person('A', { requested: jane, identities: [john, kim] })];
    expect(match([jane, john], entries)).toEqual(['A', 'B']);
    expect(match([kim, jane, john], entries)).toEqual(['A', 'A', 'B']);
    const both = [person('B', { identities: [jane, john] }), person('A', { requested: jane })];
    expect(match([jane, john], both)).toEqual(['A', 'B']);
  });

  it('is compared case-insensitively in its namespace, and case-sensitively in its value (#11)', () => {
    expect(match([{ namespace: 'Email', value: 'jane' }, john], [person('A', { identities: [jane] })])).toEqual([
      'A',
      'nobody',
    ]);
    const entries = [person('A', { identities: [jane] }), person('B', { identities: [john] })];
    expect(match([email('Jane'), john], entries)).toEqual(['unsettled', 'B']);
  });

  it('has the only remaining entry when it is the only remaining identity', () => {
    expect(match([jane, john], [person('A', { identities: [jane] }), person('B')])).toEqual(['A', 'B']);
    expect(match([jane, john, kim], [person('A', { identities: [jane] }), person('B')])).toEqual([
      'A',
      'unsettled',
      'unsettled',
    ]);
    expect(match([jane, john], [person('A'), person('B')])).toEqual(['unsettled', 'unsettled']);
    const two = [person('A', { identities: [jane] }), person('B'), person('C')];
    expect(match([jane, john], two)).toEqual(['A', 'unsettled']);
    expect(match([jane, john], [person('A'), nobody()])).toEqual(['unsettled', 'unsettled']);
    expect(match([jane, john], [person('A', { requested: jane }), failure()])).toEqual(['A', 'failure']);
  });

  it('never has an entry that names another identity, unless it is requested alone', () => {
    for (const other of [person('B', { identities: [kim] }), person('B', { requested: kim }), failure(kim)]) {
      expect(match([jane, john], [person('A', { identities: [jane] }), other])).toEqual(['A', 'unsettled']);
    }
  });

  it('is unknown if no entry remains for it, or only an entry without a person', () => {
    expect(match([jane, john], [person('A', { identities: [jane] })])).toEqual(['A', 'nobody']);
    expect(match([jane, john], [person('A', { identities: [jane] }), nobody()])).toEqual(['A', 'nobody']);
    expect(match([jane, john, kim], [nobody(), nobody(), nobody()])).toEqual(['nobody', 'nobody', 'nobody']);
    expect(match([jane], [])).toEqual(['nobody']);
  });

  it('has the entry with the most content when it is requested alone', () => {
    expect(match([jane], [nobody(), failure(), person('A'), person('B')])).toEqual(['A']);
    expect(match([jane], [person('A', { requested: email('JANE') })])).toEqual(['A']);
    expect(match([jane], [nobody(), failure()])).toEqual(['failure']);
  });

  it('shares a person with another identity, in one entry or in two', () => {
    expect(match([jane, john], [person('A', { identities: [jane, john] })])).toEqual(['A', 'A']);
    const twice = [person('A', { identities: [jane, john] }), person('B', { identities: [jane, john] })];
    expect(match([jane, john, kim], twice)).toEqual(['A', 'A', 'nobody']);
    expect(
      match([jane, john], [nobody(jane), person('A', { requested: jane }), person('B', { requested: john })]),
    ).toEqual(['A', 'B']);
  });

  it('never has the entry of another person, in any order of the entries', () => {
    const identity = fc.constantFrom(...'abcdef').map(email);
    const entries = fc.uniqueArray(
      fc.record({ id: fc.uuid(), who: fc.uniqueArray(identity, { selector: identityKey, minLength: 1 }) }),
      {
        selector: ({ id }) => id,
      },
    );
    fc.assert(
      fc.property(fc.uniqueArray(identity, { selector: identityKey, minLength: 2 }), entries, (asked, people) => {
        const isAsked = ({ value }: Identity) => asked.some((one) => one.value === value);
        const known = people.filter(({ who }) => who.some(isAsked));
        const found = match(
          asked,
          known.map(({ id, who }) => person(id, { identities: who })),
        );
        for (const [index, one] of asked.entries()) {
          const candidates = known
            .filter(({ who }) => who.some(({ value }) => value === one.value))
            .map(({ id }) => id);
          if (candidates.length === 0) expect(found[index]).toBe('nobody');
          else expect(candidates).toContain(found[index]);
        }
        const reversed = match(
          asked,
          known.toReversed().map(({ id, who }) => person(id, { identities: who })),
        );
        expect(reversed.map((id) => id === 'nobody')).toEqual(found.map((id) => id === 'nobody'));
      }),
    );
  });
});
