/** Thrown for text that is not PQL, or is PQL outside the supported subset. */
export class PqlError extends Error {
  override readonly name = 'PqlError';
  /** Offset of the unexpected part in the text, in UTF-16 code units, starting at 0. */
  readonly position: number;
  /** Line number, starting at 1. */
  readonly line: number;
  /** Column in UTF-16 code units, starting at 1. */
  readonly column: number;

  /** @param problem a sentence without its full stop; the position is appended */
  constructor(problem: string, text: string, position: number) {
    const before = text.slice(0, position).split('\n');
    const line = before.length;
    const column = (before.at(-1)?.length ?? 0) + 1;
    super(`${problem} (line ${line}, column ${column}).`);
    this.position = position;
    this.line = line;
    this.column = column;
  }
}

const maximumQuoteLength = 40;

/** Quotes a piece of text for an error message, with bounded length. */
export const quote = (piece: string): string =>
  JSON.stringify(piece.length > maximumQuoteLength ? `${piece.slice(0, maximumQuoteLength)}…` : piece);
