import { z } from 'zod';
import { platformId } from '../domain/ids.ts';
import type { Branded } from '../domain/tenant.ts';
import { InvalidInputError } from '../errors.ts';

/** Every type that implements Node. A global id is one of these names, a colon, and the platform's id. */
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

/** The Relay global id, readable: `ExportJob:24115`. */
export const globalId = (typename: NodeTypename, id: string): string => `${typename}:${id}`;

/** The two parts of a global id, or null when the text is not one. A platform id may hold colons itself. */
export function splitGlobalId(text: string): { readonly typename: NodeTypename; readonly id: string } | null {
  const colon = text.indexOf(':');
  if (colon < 0) return null;
  const typename = nodeTypenames.find((name) => name === text.slice(0, colon));
  return typename === undefined || colon === text.length - 1 ? null : { typename, id: text.slice(colon + 1) };
}

/** Longer than every id of the platform. Ids are part of URLs and of error messages. */
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

/** An id argument: the global id of a type, or the platform's own id. */
export const idInput = <Id extends Branded<string>>(typename: NodeTypename) =>
  z.string().transform((text, ctx): Id => {
    const fault = faultOf(typename, text);
    if (fault !== null) ctx.addIssue(fault);
    return unwrap(text);
  });

/**
 * The platform's id out of an id argument in either form.
 * @throws {InvalidInputError} it is empty, or the global id of another type
 */
export function parseId<Id extends Branded<string>>(typename: NodeTypename, text: string, path = 'id'): Id {
  const fault = faultOf(typename, text);
  if (fault !== null) throw new InvalidInputError([{ path, message: fault }]);
  return unwrap(text);
}
