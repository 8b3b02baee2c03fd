import { type DocumentNode, parse } from 'graphql';
import { Choices } from './random.ts';

type Names = readonly [string, ...string[]];

const leaves: Names = ['id', 'text', 'count', 'flag', 'color', 'numbers', 'rows', 'plain', 'method', 'absent'];
const objects: Names = ['a', 'b', 'c', 'thing', 'some', 'loose', 'listA', 'listC', 'things', 'somes'];
const types: Names = ['A', 'B', 'C', 'Thing', 'Some', 'Loose', 'Query', 'Nothing'];
/** Some are also names of fields, or of members that every object inherits. */
const aliases: Names = ['x', 'y', 'text', 'a', '__proto__', 'constructor'];
const conditions: Names = [
  '@skip(if: $yes)',
  '@include(if: $no)',
  '@include(if: $yes) @skip(if: $no)',
  '@skip(if: true)',
];

export interface RandomOperation {
  readonly document: DocumentNode;
  readonly operationName: string;
  readonly variableValues: Readonly<Record<string, unknown>>;
}

/**
 * An operation over the fixture's schema that was not validated: it can select fields and types that do not exist, and
 * merge different fields.
 * @param mayBeWrong whether arguments and variables may have wrong values
 */
export function randomOperation(seed: number, mayBeWrong: boolean): RandomOperation {
  const choices = new Choices(seed);
  const condition = (): string => (choices.chance(12) ? ` ${choices.of(conditions)}` : '');
  const alias = (): string => (choices.chance(20) ? `${choices.of(aliases)}: ` : '');
  const args = (): string => {
    const count = mayBeWrong ? choices.of(['1', '$count', 'null', '"text"']) : '1';
    return `(count: ${count}, input: ${choices.of(['$input', 'null', '{ text: "literal" }'])})`;
  };
  const leaf = (): string => {
    if (choices.chance(10)) return `echo${args()}`;
    if (choices.chance(10)) return '__typename';
    if (choices.chance(10)) return 'method(text: "given")';
    return choices.chance(3) ? 'unknown' : choices.of(leaves);
  };
  const selection = (depth: number, fragments: readonly string[]): string => {
    const [spread] = fragments;
    const one = (): string => {
      const kind = choices.below(10);
      if (kind < 5 || depth === 0) return `${alias()}${leaf()}${condition()}`;
      if (kind < 8) return `${alias()}${choices.of(objects)}${condition()} ${selection(depth - 1, fragments)}`;
      if (kind < 9 && spread !== undefined) return `...${spread}${condition()}`;
      const on = choices.chance(70) ? ` on ${choices.of(types)}` : '';
      return `...${on}${condition()} ${selection(depth - 1, fragments)}`;
    };
    return `{ ${Array.from({ length: 1 + choices.below(5) }, one).join(' ')} }`;
  };
  const kind = choices.of(['query', 'query', 'mutation', 'subscription']);
  const text = `
    ${kind} Main($yes: Boolean = true, $no: Boolean, $count: Int, $input: Input) ${selection(2, ['First', 'Last'])}
    query Other { text }
    fragment First on ${choices.of(types)} ${selection(1, ['Last'])}
    fragment Last on ${choices.of(types)} ${selection(1, [])}
  `;
  const values = {
    yes: choices.of([true, false, undefined, mayBeWrong ? null : true]),
    no: choices.of([true, false, false, mayBeWrong ? undefined : true]),
    count: choices.of([1, undefined, mayBeWrong ? 'text' : 1]),
    input: choices.of<object | undefined>([{ text: 'given' }, { text: 'given', count: 5 }, undefined]),
  };
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return {
    document: parse(text),
    operationName: choices.chance(2) ? 'Neither' : 'Main',
    variableValues: Object.fromEntries(given),
  };
}
