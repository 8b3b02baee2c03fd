import { it } from 'vitest';
import type { RouterKind, SubgraphTransport } from './router.ts';

/** A test whose name is a row of the table of routers. */
type TableCase = (name: string, run: () => Promise<void>) => void;

/** Maximum time of a case that must fail, in milliseconds, because some faults show only as an event that never arrives. */
const faultMs = 60_000;

/** Returns a function that defines a case of the router. A case of `faults` must fail. */
export const caseOf =
  (kind: RouterKind, transport: SubgraphTransport | null): TableCase =>
  (name, run) => {
    const isFault = kind.faults.some((fault) => fault.case === name && fault.transport === transport);
    if (isFault) it.fails(name, { timeout: faultMs }, run);
    else it(name, run);
  };
