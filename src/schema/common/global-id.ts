import { z } from 'zod';
import { platformId } from '../../domain/ids.ts';
import type { Branded } from '../../domain/tenant.ts';
import { InvalidInputError } from '../../errors.ts';

/** The types that implement Node. A global id is one of these names, a colon, and the platform's id. */
export const nodeTypenames = [
  'ExportJob',
  'Dataset',
  'Schedule',
  'SegmentJob',
  'SegmentDefinition',
  'MergePolicy',
  'Batch',
] as const;
export type NodeTypename = (typeof nodeTypenames)[number];

/** The Relay global id in readable form, for example `ExportJob:24115`. */
export const globalId = (typename: NodeTypename, id: string): string => `${typename}:${id}`;

/** The two parts of a global id; null if the text is not a global id. A platform id may contain colons itself. */
export function splitGlobalId(text: string): { readonly typename: NodeTypename; readonly id: string } | null {
  const colon = text.indexOf(':');
  if (colon < 0) return null;
  const typename = nodeTypenames.find((name) => name === text.slice(0, colon));
  return typename === undefined || colon === text.length - 1 ? null : { typename, id: text.slice(colon + 1) };
}

/**
 * Maximum length of an id. It is limited because ids are part of URLs and of error messages; platform ids are shorter.
 */
export const maxIdLength = 200;

/** The issue of an id argument; null if it is valid. */
function faultOf(typename: NodeTypename, text: string): string | null {
  if (text.length > maxIdLength) return `must have at most ${maxIdLength} characters`;
  const global = splitGlobalId(text);
  if (global !== null && global.typename !== typename) {
    return `is the id of ${withArticle(global.typename)}, not of ${withArticle(typename)}`;
  }
  return text === '' || text === `${typename}:` ? 'must not be empty' : null;
}

const withArticle = (typename: NodeTypename): string => `${/^[AEIOU]/.test(typename) ? 'an' : 'a'} ${typename}`;

/** The platform id in a valid id argument. */
const unwrap = <Id extends Branded<string>>(text: string): Id => platformId<Id>(splitGlobalId(text)?.id ?? text);

/** Input of an id argument: the global id of a type, or the platform's id. */
export const idInput = <Id extends Branded<string>>(typename: NodeTypename) =>
  z.string().transform((text, ctx): Id => {
    const fault = faultOf(typename, text);
    if (fault !== null) ctx.addIssue(fault);
    return unwrap(text);
  });

/** Ids of the platform contain other characters only in samples. A text of a caller can contain anything. */
const loggableId = /^[\w.~-]+$/;

/** The platform's id in an id argument that was not checked yet, for a log; null: it does not look like an id. */
export function loggablePlatformId(typename: NodeTypename, text: unknown): string | null {
  if (typeof text !== 'string' || faultOf(typename, text) !== null) return null;
  const id = unwrap(text);
  return loggableId.test(id) ? id : null;
}

/**
 * Returns the platform's id of an id argument in either form.
 * @throws {InvalidInputError} the argument is empty, or the global id of another type
 */
export function parseId<Id extends Branded<string>>(typename: NodeTypename, text: string, path = 'id'): Id {
  const fault = faultOf(typename, text);
  if (fault !== null) throw new InvalidInputError([{ path, message: fault }]);
  return unwrap(text);
}
