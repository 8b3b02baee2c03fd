import type { IdentityNamespace } from '../engine/xdm-schema.ts';
import type { Identities } from './identities.ts';

/** A person of a seed. */
export interface Person {
  readonly number: number;
  /** `crm`: there is a profile. `events`: only events are known. */
  readonly source: 'crm' | 'events';
  /** Place of the first record of the person. */
  readonly place: string;
}

/** The people of a sandbox by their identities. */
export class People {
  readonly #byIdentity = new Map<string, Person>();
  #count = 0;

  /** A new person with these identities. */
  add(identities: Identities, { source, place }: Pick<Person, 'source' | 'place'>): Person {
    this.#count += 1;
    const person = { number: this.#count, source, place };
    for (const identity of identities) this.#byIdentity.set(keyOf(identity), person);
    return person;
  }

  /** Everyone who has one of the identities, once, with one of these identities. */
  find(identities: Identities): readonly (readonly [person: Person, identity: string])[] {
    const found = new Map<Person, string>();
    for (const identity of identities) {
      const person = this.#byIdentity.get(keyOf(identity));
      if (person !== undefined) found.set(person, identity.join(' '));
    }
    return [...found];
  }
}

const keyOf = ([namespace, id]: readonly [IdentityNamespace, string]): string => `${namespace}:${id}`;
