import { GraphQLError, Lexer, parse, Source, syntaxError, type Token, TokenKind } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { OperationLimits } from '../operation-limits.ts';
import { requestError } from '../request-error.ts';

/**
 * Limits the comments, the tokens, the nesting and the names of documents. The pipeline contains this plugin, so that it
 * covers every transport.
 */
export function useDocumentLimits({ maxTokens }: Pick<OperationLimits, 'maxTokens'>): Plugin {
  const parseBounded = (source: Parameters<typeof parse>[0], options?: Parameters<typeof parse>[1]) => {
    try {
      const bounded = typeof source === 'string' ? new Source(source) : source;
      checkComments(bounded, maxTokens);
      return parse(bounded, { ...options, maxTokens, lexer: new BoundedLexer(bounded) });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      throw requestError('GRAPHQL_PARSE_FAILED', error.message, { at: error });
    }
  };
  return { onParse: ({ setParseFn }) => setParseFn(parseBounded) };
}

/**
 * Limits the comments of a document before it is parsed. The parser does not count them, but keeps each one as a token,
 * so that a document of 900 KB could take 30 MB of memory. A line with a `#` in a string counts as well.
 * @throws {GraphQLError} there are too many
 */
function checkComments(source: Source, max: number): void {
  const { body } = source;
  const lineEnd = /[\n\r]/g;
  let count = 0;
  for (let start = body.indexOf('#'); start >= 0; start = body.indexOf('#', lineEnd.lastIndex)) {
    count += 1;
    if (count > max) throw syntaxError(source, start, `The document has more than ${max} lines with comments.`);
    lineEnd.lastIndex = start;
    if (!lineEnd.test(body)) return;
  }
}

/**
 * Nesting of brackets in a document. No operation within the other limits reaches it, and the recursion of the parser
 * and of the validation rules stays far below the size of the stack.
 */
const maxNesting = 500;
const openings: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closings: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/** Maximum length of a name, in characters. Data, errors and their paths repeat an alias. */
const maxNameLength = 200;

class BoundedLexer extends Lexer {
  #nesting = 0;

  override advance(): Token {
    const token = super.advance();
    if (openings.has(token.kind)) this.#nesting += 1;
    else if (closings.has(token.kind)) this.#nesting -= 1;
    if (this.#nesting > maxNesting) {
      throw syntaxError(this.source, token.start, `Brackets are nested deeper than ${maxNesting}.`);
    }
    if (token.kind === TokenKind.NAME && token.end - token.start > maxNameLength) {
      throw syntaxError(this.source, token.start, `A name has more than ${maxNameLength} characters.`);
    }
    return token;
  }
}
