import { defaultQuirks, type EmulatorOptions, type EmulatorPace, type EmulatorQuirks } from '../options.ts';
import { completePace } from './named-paces.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Pace and quirks, which can change while the emulator runs. Readers keep references to the two objects, whose members
 * change. A quirk takes effect at the next request, a pace at the next stage of each job.
 */
export class Settings {
  readonly #initial: { readonly pace: EmulatorPace; readonly quirks: EmulatorQuirks };
  readonly #pace: Mutable<EmulatorPace>;
  readonly #quirks: Mutable<EmulatorQuirks>;

  constructor({ pace = {}, quirks = {} }: Pick<EmulatorOptions, 'pace' | 'quirks'>) {
    this.#initial = { pace: completePace(pace), quirks: { ...defaultQuirks, ...quirks } };
    this.#pace = { ...this.#initial.pace };
    this.#quirks = { ...this.#initial.quirks };
  }

  get pace(): EmulatorPace {
    return this.#pace;
  }

  get quirks(): EmulatorQuirks {
    return this.#quirks;
  }

  setPace(pace: NonNullable<EmulatorOptions['pace']>): void {
    Object.assign(this.#pace, completePace(pace));
  }

  /** Changes the named quirks. The other quirks keep their values. */
  setQuirks(quirks: Partial<EmulatorQuirks>): void {
    Object.assign(this.#quirks, quirks);
  }

  /** Restores the pace of the start. */
  resetPace(): void {
    Object.assign(this.#pace, this.#initial.pace);
  }

  /** Restores the quirks of the start. */
  resetQuirks(): void {
    Object.assign(this.#quirks, this.#initial.quirks);
  }
}
