/** The entries of a comma-separated parameter; null when it is absent. */
export function commaList(text: string | null): readonly string[] | null {
  return text === null ? null : text.split(',').map((entry) => entry.trim());
}
