import type { SegmentId } from '../../domain/ids.ts';
import { everySegment } from '../../domain/segment-job.ts';
import type { FindRejectedInput } from '../http/call.ts';
import { mentions } from './mentions.ts';

/** A part of the argument, as the platform's messages may name it. */
export interface NamedPart {
  readonly path: string;
  /** Texts of the caller that the request contains: ids, names, expressions. */
  readonly values?: readonly string[];
  /** Properties of the request that contain them. */
  readonly properties?: readonly string[];
}

/** Entities of one kind that a create names. */
export interface NamedEntities {
  /** The word for an entity of this kind in the platform's messages. */
  readonly word: RegExp;
  /** Path of the argument that names them. */
  readonly list: string;
  /** Properties of the request that contain their ids. */
  readonly properties: readonly string[];
  readonly named: readonly { readonly id: string; readonly path: string }[];
}

const notFound = 404;

/**
 * Finds the part of the argument that a rejection is about. The platform's message mentions a value or a property of
 * this part. A rejection that mentions none is about no argument. It can concern the organization, its licence, the
 * sandbox or a header, so that another input would not help.
 */
export const rejectedPart =
  (parts: readonly NamedPart[]): FindRejectedInput =>
  ({ reason }) =>
    pathIn(parts, reason ?? '');

function pathIn(parts: readonly NamedPart[], text: string): string | null {
  const byValue = parts.find(({ values = [] }) => values.some((value) => mentions(text, value)));
  const found = byValue ?? parts.find(({ properties = [] }) => properties.some((name) => mentions(text, name)));
  return found?.path ?? null;
}

/**
 * Finds the part of a create that a rejection is about. A 404 is always about an entity that the create names: an
 * entity of the kind that the message mentions first, or `unknown` if it mentions none.
 * @param options.unknown path for a 404 whose message mentions no kind; null if such a 404 is about no argument
 */
export function rejectedInput({
  entities,
  parts,
  unknown,
}: {
  readonly entities: readonly NamedEntities[];
  readonly parts: readonly NamedPart[];
  readonly unknown: string | null;
}): FindRejectedInput {
  const named = entities.flatMap((kind) => kind.named.map(({ id, path }) => ({ path, values: [id] })));
  const lists = entities.map(({ list, properties }) => ({ path: list, properties }));
  return ({ status, reason }) => {
    const text = reason ?? '';
    const path = pathIn([...named, ...parts, ...lists], text);
    return path !== null || status !== notFound ? path : (entityIn(entities, text) ?? unknown);
  };
}

/** Path of the entity, or of the entities, whose kind a text mentions first. */
function entityIn(entities: readonly NamedEntities[], text: string): string | null {
  const [first] = entities
    .filter((kind) => kind.named.length > 0)
    .map((kind) => ({ kind, at: text.search(kind.word) }))
    .filter(({ at }) => at >= 0)
    .toSorted((left, right) => left.at - right.at);
  if (first === undefined) return null;
  const [only, ...others] = first.kind.named;
  return only !== undefined && others.length === 0 ? only.path : first.kind.list;
}

/**
 * Finds the rejected part of a create that names segments only. `*` means all segments, so that no segment can be
 * unknown.
 */
export function rejectedSegments(
  segmentIds: readonly SegmentId[],
  parts: readonly NamedPart[] = [],
): FindRejectedInput {
  const list = 'input.segmentIds';
  const named = segmentIds
    .map((id, index) => ({ id, path: `${list}.${index}` }))
    .filter(({ id }) => id !== everySegment);
  const [only, ...others] = named;
  const unknown = others.length > 0 ? list : (only?.path ?? 'input');
  const segments = { word: /segment|audience/i, list, properties: ['segmentId', 'segmentIds', 'segments'], named };
  return rejectedInput({ entities: [segments], parts, unknown });
}
