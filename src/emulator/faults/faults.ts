import { FaultPlan, type FaultTarget } from './fault-plan.ts';
import { type CompleteFaultScript, type Fault, type FaultScript, parseFaultScript } from './fault-script.ts';

/** Scripts faults from within the process. The admin endpoints do the same from outside. */
export interface FaultControl {
  /**
   * Replaces the script and resets its counts to 0. Responses in progress keep their faults.
   * @throws {FaultScriptError} when the script is invalid; the previous script then stays active
   */
  set(script: FaultScript): void;
  clear(): void;
  /** Number of requests that each rule has hit, in the order of the rules; empty without a script. */
  readonly hits: readonly number[];
}

/** Shared empty list for requests without a fault. */
const none: readonly Fault[] = [];

/** The active script, if any. */
export class Faults implements FaultControl {
  #plan: FaultPlan | undefined;

  set(script: FaultScript): void {
    this.replace(script);
  }

  /** Like `set`, for a script that has not been validated. */
  replace(script: unknown): void {
    this.#plan = new FaultPlan(parseFaultScript(script));
  }

  clear(): void {
    this.#plan = undefined;
  }

  /** The script with its defaults; null when no script is active. */
  get script(): CompleteFaultScript | null {
    return this.#plan?.script ?? null;
  }

  get hits(): readonly number[] {
    return this.#plan?.hits ?? [];
  }

  /** Returns the faults of the next request. `describe` is called only when a script is active. */
  next(describe: () => FaultTarget): readonly Fault[] {
    return this.#plan?.next(describe()) ?? none;
  }
}
