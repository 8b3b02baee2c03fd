import { PqlError, quote } from './pql-error.ts';
import type { Comparison } from './syntax.ts';
import { type Token, tokenize } from './tokens.ts';

/** Longest text, in UTF-16 code units. */
export const maximumLength = 20_000;
/** How deep parentheses, `not`, `-` and conditions on events may stand within each other. */
export const maximumDepth = 50;
/** How many arithmetic operators and methods a text may have: each makes the expression deeper. */
export const maximumOperations = 200;

const comparisons: readonly Comparison[] = ['=', '!=', '<=', '<', '>=', '>'];

/** Reads the tokens of a text from left to right. Words are compared without case: the documentation writes `chain` and `CHAIN`. */
export class TokenReader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  #index = 0;
  #depth = 0;
  #operations = 0;

  /** @throws {PqlError} when the text is too long, or holds something that is not a token. */
  constructor(text: string) {
    if (text.length > maximumLength) {
      throw new PqlError(`The expression is longer than ${maximumLength} characters`, text, maximumLength);
    }
    this.#text = text;
    this.#tokens = tokenize(text);
    this.#end = { kind: 'end', text: '', position: text.length };
  }

  /** The next token, or one after it. */
  peek(ahead = 0): Token {
    return this.#tokens[this.#index + ahead] ?? this.#end;
  }

  next(): Token {
    const token = this.peek();
    this.#index += 1;
    return token;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'symbol' && token.text === symbol;
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === 'name' && token.text.toLowerCase() === word.toLowerCase();
  }

  acceptSymbol(symbol: string): boolean {
    const isNext = this.isSymbol(symbol);
    if (isNext) this.#index += 1;
    return isNext;
  }

  acceptWord(word: string): boolean {
    const isNext = this.isWord(word);
    if (isNext) this.#index += 1;
    return isNext;
  }

  acceptComparison(): Comparison | undefined {
    return comparisons.find((each) => this.acceptSymbol(each));
  }

  /** The next token, which must be one of these words. */
  expectWord(...words: readonly string[]): string {
    const word = words.find((each) => this.isWord(each));
    if (word === undefined) return this.unexpected(words.map((each) => quote(each)).join(' or '));
    this.#index += 1;
    return word;
  }

  expectSymbol(symbol: string): void {
    if (!this.acceptSymbol(symbol)) this.unexpected(quote(symbol));
  }

  expectName(what: string): Token {
    return this.peek().kind === 'name' ? this.next() : this.unexpected(what);
  }

  /** A number without fraction and sign. */
  expectInteger(): number {
    const token = this.peek();
    if (token.kind !== 'number' || !Number.isSafeInteger(token.value)) return this.unexpected('a whole number');
    this.next();
    return token.value;
  }

  /** @throws {PqlError} always: the next token is not what was expected. */
  unexpected(expected: string): never {
    const token = this.peek();
    const found = token.kind === 'end' ? 'the expression ends' : `${quote(token.text)} was found`;
    return this.fail(`Expected ${expected}, but ${found}`, token.position);
  }

  fail(problem: string, position: number): never {
    throw new PqlError(problem, this.#text, position);
  }

  /** Reads something that may hold itself again. */
  nested<T>(read: () => T): T {
    if (this.#depth === maximumDepth) {
      this.fail(`The expression is nested more than ${maximumDepth} levels deep`, this.peek().position);
    }
    this.#depth += 1;
    const result = read();
    this.#depth -= 1;
    return result;
  }

  /** Counts an operation that makes the expression deeper to its left. */
  countOperation(position: number): void {
    this.#operations += 1;
    if (this.#operations > maximumOperations) {
      this.fail(`The expression has more than ${maximumOperations} operations`, position);
    }
  }
}
