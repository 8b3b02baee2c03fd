/** One rule that a history breaks. */
export interface Violation {
  /** What must always hold, in a few words. */
  readonly rule: string;
  /** Who saw it, and where in the history. */
  readonly where: string;
  readonly detail: string;
}

/** A violation as one line. */
export const describeViolation = ({ rule, where, detail }: Violation): string => `${rule} [${where}]: ${detail}`;
