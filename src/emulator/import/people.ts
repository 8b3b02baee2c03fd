import type { IdentityNamespace } from '../xdm/schema.ts';
import type { Identities } from './identities.ts';

/** A person of a seed. */
export interface Person {
  readonly number: number;
  /** `crm`: the person has a profile. `events`: only events are known. */
  readonly source: 'crm' | 'events';
  /** Location of the first record of the person. */
  readonly location: string;
}

/** The people of a sandbox, indexed by identity. */
export class People {
  readonly #byIdentity = new Map<string, Person>();
  #count = 0;

  /** Adds a person with these identities. */
  add(identities: Identities, { source, location }: Pick<Person, 'source' | 'location'>): Person {
    this.#count += 1;
    const person = { number: this.#count, source, location };
    for (const identity of identities) this.#byIdentity.set(keyOf(identity), person);
    return person;
  }

  /** Finds each person who has one of the identities, once, together with one of these identities. */
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
