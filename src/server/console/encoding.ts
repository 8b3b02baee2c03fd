import { listElements } from '../../runtime/list-elements.ts';

/** Encodings in which a file of the console exists, the smallest form first. */
export const encodings = ['br', 'gzip', 'identity'] as const;
export type Encoding = (typeof encodings)[number];

/**
 * Chooses the form of a file from the header `Accept-Encoding` (RFC 9110, section 12.5.3): of the available forms that
 * the client accepts, the one with the highest weight, and among equal ones the smallest. `identity` counts as accepted
 * unless the header excludes it.
 */
export function chooseEncoding(header: string | undefined, available: readonly Encoding[]): Encoding {
  const weights = new Map(
    [...listElements(header ?? '')].map((entry): [string, number] => {
      const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='));
      return [name === 'x-gzip' ? 'gzip' : name, weight === undefined ? 1 : Number(weight.slice(2))];
    }),
  );
  const weightOf = (encoding: Encoding): number => {
    const weight = weights.get(encoding) ?? weights.get('*');
    // A client that lists only compressed forms prefers them.
    return weight ?? (encoding === 'identity' ? Number.MIN_VALUE : 0);
  };
  const accepted = encodings.filter((encoding) => available.includes(encoding) && weightOf(encoding) > 0);
  return accepted.reduce<Encoding>(
    (best, encoding) => (weightOf(encoding) > weightOf(best) ? encoding : best),
    accepted[0] ?? 'identity',
  );
}
