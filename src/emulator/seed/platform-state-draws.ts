import { createHash } from 'node:crypto';

/** Generates values that look arbitrary, but are always the same for the same seed and sandbox. */
export class Draws {
  readonly #prefix: string;

  constructor(seed: number, sandbox: string) {
    this.#prefix = `${seed}:${sandbox}`;
  }

  /** Hexadecimal digits, at most 64. */
  hex(label: string, length: number): string {
    return this.#digest(label).toString('hex').slice(0, length);
  }

  uuid(label: string): string {
    return this.hex(label, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-a$4-$5');
  }

  /** An integer from `minimum` to `maximum`, both inclusive. */
  integer(label: string, minimum: number, maximum: number): number {
    return minimum + Math.floor((this.#digest(label).readUInt32BE(0) / 2 ** 32) * (maximum - minimum + 1));
  }

  #digest(label: string): Buffer {
    return createHash('sha256').update(`${this.#prefix}:${label}`).digest();
  }
}
