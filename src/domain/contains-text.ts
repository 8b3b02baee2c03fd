/** Whether a text contains another one, ignoring case. No character of either has a special meaning. */
export const containsText = (text: string | null, part: string): boolean =>
  text !== null && fold(text).includes(fold(part));

/** Folds to upper case first, because some letters have no lower-case counterpart: the upper case of `ß` is `SS`. */
const fold = (text: string): string => text.normalize('NFC').toUpperCase().toLowerCase();
