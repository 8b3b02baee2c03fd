import type { Acceptance } from './audit.ts';

/** Findings of `npm audit` that do not concern this project, or that have no fix yet. */
export const accepted: readonly Acceptance[] = [];
