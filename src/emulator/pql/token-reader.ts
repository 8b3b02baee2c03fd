import { PqlError, quote } from './pql-error.ts';
import type { Comparison } from './syntax.ts';
import { type Token, tokenize } from './tokens.ts';

/** Maximum length of a text, in UTF-16 code units. */
export const maximumLength = 20_000;
/** Maximum nesting depth of parentheses, `not`, `-` and conditions on events. */
export const maximumDepth = 50;
/** Maximum number of arithmetic operators and methods in a text, because each makes the expression deeper. */
export const maximumOperations = 200;

const comparisons: readonly Comparison[] = ['=', '!=', '<=', '<', '>=', '>'];

/**
 * Reads the tokens of a text from left to right. Words are compared without case, because the documentation uses both
 * `chain` and `CHAIN`.
 */
export class TokenReader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  #index = 0;
  #depth = 0;
  #operations = 0;

  /** @throws {PqlError} when the text is too long, or contains an invalid token. */
  constructor(text: string) {
    if (text.length > maximumLength) {
      throw new PqlError(`The expression is longer than ${maximumLength} characters`, text, maximumLength);
    }
    this.#text = text;
    this.#tokens = tokenize(text);
    this.#end = { kind: 'end', text: '', position: text.length };
  }

  /** Returns the next token, or a later one, without consuming it. */
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

  /** Consumes the next token, which must be one of these words. */
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

  /** Consumes a number without fraction and sign. */
  expectInteger(): number {
    const token = this.peek();
    if (token.kind !== 'number' || !Number.isSafeInteger(token.value)) return this.unexpected('a whole number');
    this.next();
    return token.value;
  }

  /** @throws {PqlError} always, because the next token is unexpected. */
  unexpected(expected: string): never {
    const token = this.peek();
    const found = token.kind === 'end' ? 'the expression ends' : `${quote(token.text)} was found`;
    return this.fail(`Expected ${expected}, but ${found}`, token.position);
  }

  fail(problem: string, position: number): never {
    throw new PqlError(problem, this.#text, position);
  }

  /** Parses a construct that can contain itself, and limits the depth. */
  nested<T>(read: () => T): T {
    if (this.#depth === maximumDepth) {
      this.fail(`The expression is nested more than ${maximumDepth} levels deep`, this.peek().position);
    }
    this.#depth += 1;
    const result = read();
    this.#depth -= 1;
    return result;
  }

  /** Counts an operation that makes the expression deeper on its left side. */
  countOperation(position: number): void {
    this.#operations += 1;
    if (this.#operations > maximumOperations) {
      this.fail(`The expression has more than ${maximumOperations} operations`, position);
    }
  }
}
