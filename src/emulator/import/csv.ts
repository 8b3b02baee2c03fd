import { LineError, maximumRecordLength } from './seed-error.ts';

/** A row of a CSV file and the line in which it begins. */
export interface CsvRow {
  /** Line number, starting at 1. */
  readonly line: number;
  readonly values: readonly string[];
}

/** A character with a meaning, or as many as possible without one, by whether they are inside quotes. */
const quotedTokens = /"|[^"]+/y;
const plainTokens = /[",\r\n]|[^",\r\n]+/y;

/**
 * Reads CSV according to RFC 4180: comma-separated, lines end in LF or CRLF, and double quotes enclose values that
 * contain either. Empty lines are skipped. DuckDB also reads CSV, but does not return line numbers.
 * @throws {LineError}
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncGenerator<CsvRow> {
  let line = 1;
  let startLine = 1;
  let values: string[] = [];
  let value = '';
  let length = 0;
  let state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';
  const endValue = () => {
    values.push(value);
    value = '';
    state = 'start';
  };

  for await (const chunk of chunks) {
    // Token by token, because a long value that is appended to character by character takes much time and memory.
    for (let position = 0; position < chunk.length; ) {
      const tokens: RegExp = state === 'quoted' ? quotedTokens : plainTokens;
      tokens.lastIndex = position;
      const token = tokens.exec(chunk)?.[0] ?? '';
      position += token.length;
      length += token.length;
      if (length > maximumRecordLength) throw new LineError(startLine, 'has more than 16 MiB of text in one row');
      if (state === 'quoted') {
        if (token === '"') state = 'quote';
        else value += token;
        line += token.split('\n').length - 1;
        continue;
      }
      switch (token) {
        case '"':
          if (state === 'plain') throw new LineError(line, 'has a quote inside an unquoted value');
          // A doubled quote stands for one quote.
          if (state === 'quote') value += '"';
          state = 'quoted';
          break;
        case ',':
          endValue();
          break;
        case '\n':
          // Lines may end in CRLF.
          if (state !== 'quote' && value.endsWith('\r')) value = value.slice(0, -1);
          endValue();
          if (values.length > 1 || values[0] !== '') yield { line: startLine, values };
          values = [];
          line += 1;
          startLine = line;
          length = 0;
          break;
        default:
          if (state === 'plain' && value.endsWith('\r')) {
            throw new LineError(line, 'has a carriage return without a line feed after it');
          }
          if (state !== 'quote') {
            state = 'plain';
            value += token;
          } else if (token !== '\r') {
            throw new LineError(line, 'has text after the quote that ends a value');
          }
      }
    }
  }
  if (state === 'quoted') throw new LineError(startLine, 'has an unclosed quote');
  // The last line may end in CR without LF.
  if (state === 'plain' && value.endsWith('\r')) value = value.slice(0, -1);
  endValue();
  if (values.length > 1 || values[0] !== '') yield { line: startLine, values };
}
