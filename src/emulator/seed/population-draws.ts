import { literal } from '../engine/sql.ts';

/**
 * Choices that look random and are always the same: each is a hash of a row's own hash and the name of what is chosen,
 * so that two statements that ask for the same thing of the same row get the same answer.
 */
export interface Draws {
  /** A whole number from 0 to `below` - 1, the same for all draws of this name on a row. */
  number(name: string, below: number): string;
  /** True for that share of the rows, in percent. */
  chance(name: string, percent: number): string;
  /** One of the values; draws of one name over lists of one length pick the same position. */
  pick(name: string, values: readonly (string | number)[]): string;
}

/** @param hash an expression of type UBIGINT: the row's hash. */
export function draws(hash: string): Draws {
  const number = (name: string, below: number) => `((${derivedHash(hash, name)} % ${below}::UBIGINT)::BIGINT)`;
  return {
    number,
    chance: (name, percent) => `(${number(name, 100)} < ${percent})`,
    pick: (name, values) => `([${values.map(toLiteral).join(', ')}][1 + ${number(name, values.length)}])`,
  };
}

/** The hash of something that belongs to a row. DuckDB's hash of several arguments is not used: it combines them too weakly. */
export const derivedHash = (hash: string, name: string): string => `hash(xor(${hash}, ${salt(name)}::UBIGINT))`;

const toLiteral = (value: string | number) => (typeof value === 'number' ? String(value) : literal(value));

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** FNV-1a, 32 bits. */
function salt(name: string): number {
  let hash = fnvOffset;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), fnvPrime);
  return hash >>> 0;
}
