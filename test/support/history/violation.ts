/** One rule that a history violates. */
export interface Violation {
  /** Short description of the rule. */
  readonly rule: string;
  /** The client, and the position in its history. */
  readonly where: string;
  readonly detail: string;
}

/** Formats a violation as one line. */
export const describeViolation = ({ rule, where, detail }: Violation): string => `${rule} [${where}]: ${detail}`;
