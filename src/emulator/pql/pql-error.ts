/** Thrown for a text that is not PQL, or that is PQL outside the subset that the emulator evaluates. */
export class PqlError extends Error {
  override readonly name = 'PqlError';
  /** Offset in the text, in UTF-16 code units, from 0: where the thing begins that was not understood. */
  readonly position: number;
  /** From 1. */
  readonly line: number;
  /** In UTF-16 code units, from 1. */
  readonly column: number;

  /** @param problem a sentence without its full stop; the place is added to it. */
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

/** A piece of a text as an error message shows it: quoted, and bounded in length. */
export const quote = (piece: string): string =>
  JSON.stringify(piece.length > maximumQuoteLength ? `${piece.slice(0, maximumQuoteLength)}…` : piece);
