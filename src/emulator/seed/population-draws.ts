import { literal } from '../store/sql.ts';

/**
 * Pseudo-random choices, which are always the same for the same row. Each is a hash of the row's hash and the name of
 * the choice, so two statements that use the same name for the same row get the same value.
 */
export interface Draws {
  /** An integer from 0 to `below` - 1, the same for all draws of this name on a row. */
  number(name: string, below: number): string;
  /** True for this percentage of the rows. */
  chance(name: string, percent: number): string;
  /** One of the values. Draws of the same name over lists of equal length pick the same position. */
  pick(name: string, values: readonly (string | number)[]): string;
}

/** @param hash an expression of type UBIGINT with the row's hash */
export function draws(hash: string): Draws {
  const number = (name: string, below: number) => `((${derivedHash(hash, name)} % ${below}::UBIGINT)::BIGINT)`;
  return {
    number,
    chance: (name, percent) => `(${number(name, 100)} < ${percent})`,
    pick: (name, values) => `([${values.map(toLiteral).join(', ')}][1 + ${number(name, values.length)}])`,
  };
}

/**
 * Derives the hash of a part of a row. DuckDB's hash of several arguments is not used, because it combines them too
 * weakly.
 */
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
