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
 * The same share for names without a prefix of this program. It is smaller, because most of these names belong to other
 * programs.
 */
const maxDifferenceOfOthers = 0.25;

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

/**
 * Returns one message for each variable without a prefix of this program that is probably misspelt, such as `REDIS_URI`
 * or `PROT`. It may belong to another program, so it is no reason not to start.
 */
export function probablyMisspelt(
  env: Readonly<Record<string, string | undefined>>,
  { known, prefixes }: VariableNames,
): readonly string[] {
  return Object.entries(env)
    .filter(([name, value]) => value && !known.includes(name) && !isServiceLink(name, value))
    .filter(([name]) => !prefixes.some((prefix) => name.startsWith(prefix)))
    .map(([name]) => ({ name, similar: closest(name.toUpperCase(), [...known]) }))
    .filter(({ name, similar }) => isNear(name.toUpperCase(), similar))
    .map(({ name, similar }) => `${name} is not a known variable and has no effect; did you mean ${similar}?`);
}

const isNear = (name: string, similar: string): boolean =>
  distance(name, similar) <= maxDifferenceOfOthers * similar.length || hasSameLetters(name, similar);

/** Letters in another order, as in `PROT`, count as two differences, which are too many for a short name. */
const hasSameLetters = (name: string, similar: string): boolean =>
  [...name].toSorted().join('') === [...similar].toSorted().join('');

const isServiceLink = (name: string, value = ''): boolean =>
  serviceLinkName.test(name) || (name.endsWith('_PORT') && serviceLinkValue.test(value));

function suggestion(name: string, known: readonly string[]): string {
  const longer = known.filter((each) => each.startsWith(name));
  const similar = closest(name, longer.length > 0 ? longer : [...known]);
  const isSimilar = distance(name, similar) <= maxDifference * Math.max(name.length, similar.length);
  return isSimilar ? `; did you mean ${similar}?` : '; run with --help to list all variables';
}
