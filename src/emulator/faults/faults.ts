import { FaultPlan, type FaultTarget } from './fault-plan.ts';
import { type CompleteFaultScript, type Fault, type FaultScript, parseFaultScript } from './fault-script.ts';

/** Scripts faults from within the process, as the admin door does from outside. */
export interface FaultControl {
  /**
   * Replaces the script; its counts begin at 0. Answers that are on their way keep the faults that they have.
   * @throws {FaultScriptError} when the script cannot be used; the one before it stays then
   */
  set(script: FaultScript): void;
  clear(): void;
  /** Requests that each rule has hit, in the order of the rules; empty without a script. */
  readonly hits: readonly number[];
}

/** Shared by all requests without a fault. */
const none: readonly Fault[] = [];

/** The script that is set, if any. */
export class Faults implements FaultControl {
  #plan: FaultPlan | undefined;

  set(script: FaultScript): void {
    this.replace(script);
  }

  /** As `set`, for a script of which nothing is known yet. */
  replace(script: unknown): void {
    this.#plan = new FaultPlan(parseFaultScript(script));
  }

  clear(): void {
    this.#plan = undefined;
  }

  /** The script with its defaults; null when there is none. */
  get script(): CompleteFaultScript | null {
    return this.#plan?.script ?? null;
  }

  get hits(): readonly number[] {
    return this.#plan?.hits ?? [];
  }

  /** The faults of the next request, which is described only when there is a script. */
  next(describe: () => FaultTarget): readonly Fault[] {
    return this.#plan?.next(describe()) ?? none;
  }
}
