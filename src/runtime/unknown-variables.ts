import { closest, distance } from 'fastest-levenshtein';

export interface VariableNames {
  /** Names of all variables that the program reads. */
  readonly known: readonly string[];
  /** Prefixes that are reserved for this program. Names with other prefixes are not checked. */
  readonly prefixes: readonly string[];
}

/** Maximum share of the letters in which a name may differ from the suggested name. */
const maxDifference = 0.4;

/**
 * Variables that Kubernetes sets in each container for each service of its namespace (`AEP_GATEWAY_SERVICE_HOST`,
 * `AEP_GATEWAY_PORT_80_TCP`). They are ignored, because the operator did not write them.
 */
const serviceLinkName = /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;
const serviceLinkValue = /^(?:tcp|udp|sctp):\/\//;

/** Returns one message for each unknown variable with a prefix of this program. */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  { known, prefixes }: VariableNames,
): readonly string[] {
  return Object.entries(env)
    .filter(([name, value]) => prefixes.some((prefix) => name.startsWith(prefix)) && !isServiceLink(name, value))
    .filter(([name]) => !known.includes(name))
    .map(([name]) => `${name} is not a known variable${suggestion(name, known)}`);
}

const isServiceLink = (name: string, value = ''): boolean =>
  serviceLinkName.test(name) || (name.endsWith('_PORT') && serviceLinkValue.test(value));

function suggestion(name: string, known: readonly string[]): string {
  const longer = known.filter((each) => each.startsWith(name));
  const similar = closest(name, longer.length > 0 ? longer : [...known]);
  const isSimilar = distance(name, similar) <= maxDifference * Math.max(name.length, similar.length);
  return isSimilar ? `; did you mean ${similar}?` : '; run with --help to list all variables';
}
