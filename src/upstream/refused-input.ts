import type { SegmentId } from '../domain/ids.ts';
import { everySegment } from '../domain/segment-job.ts';
import type { RefusedInput } from './call.ts';

/** Entities of one kind that a create names. */
export interface NamedEntities {
  /** How the platform's messages call an entity of this kind. */
  readonly word: RegExp;
  /** Path of the argument that names them. */
  readonly list: string;
  readonly named: readonly { readonly id: string; readonly path: string }[];
}

/**
 * Finds the argument that a refusal of a create is about. An id in the platform's message decides. A 404 is always about
 * an entity that the create names: the kind that the message mentions first, or `unknown` if it mentions none.
 * @param unknown path for a 404 whose message mentions no kind; null if such a 404 is about no argument
 */
export const refusedInput =
  (kinds: readonly NamedEntities[], unknown: string | null): RefusedInput =>
  ({ status, reason }) => {
    const text = reason ?? '';
    const named = kinds.flatMap((kind) => kind.named).find(({ id }) => mentions(text, id));
    if (named !== undefined) return named.path;
    if (status !== 404) return 'input';
    const [first] = kinds
      .filter((kind) => kind.named.length > 0)
      .map((kind) => ({ kind, at: text.search(kind.word) }))
      .filter(({ at }) => at >= 0)
      .toSorted((left, right) => left.at - right.at);
    if (first === undefined) return unknown;
    const [only, ...others] = first.kind.named;
    return only !== undefined && others.length === 0 ? only.path : first.kind.list;
  };

/** The same for a create that names segments only: `*` alone stands for all of them, so that no segment is unknown. */
export function refusedSegments(segmentIds: readonly SegmentId[]): RefusedInput {
  const named = segmentIds
    .map((id, index) => ({ id, path: `input.segmentIds.${index}` }))
    .filter(({ id }) => id !== everySegment);
  const [only, ...others] = named;
  const unknown = others.length > 0 ? 'input.segmentIds' : (only?.path ?? 'input');
  return refusedInput([{ word: /segment|audience/i, list: 'input.segmentIds', named }], unknown);
}

/** Whether a text contains an id that is not a part of a longer word. */
function mentions(text: string, id: string): boolean {
  const isPart = (character: string | undefined) => character !== undefined && /[\w-]/.test(character);
  for (let at = text.indexOf(id); at >= 0 && id !== ''; at = text.indexOf(id, at + 1)) {
    if (!isPart(text[at - 1]) && !isPart(text[at + id.length])) return true;
  }
  return false;
}
