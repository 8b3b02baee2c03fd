import { closest, distance } from 'fastest-levenshtein';

export interface VariableNames {
  /** Every name that has a meaning. */
  readonly known: readonly string[];
  /** Beginnings of names that belong to this program. Names with another beginning are not looked at. */
  readonly prefixes: readonly string[];
}

/** Part of the letters of a name that may differ from the name that is suggested in its place. */
const maxDifference = 0.4;

/**
 * Variables that Kubernetes sets in each container for each service of its namespace (`AEP_GATEWAY_SERVICE_HOST`,
 * `AEP_GATEWAY_PORT_80_TCP`). The operator did not write them.
 */
const serviceLinkName = /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;
const serviceLinkValue = /^(?:tcp|udp|sctp):\/\//;

/** One message for each variable that is not known although its name begins like those of this program. */
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
  return isSimilar ? `; did you mean ${similar}?` : '; run with --help for those that there are';
}
