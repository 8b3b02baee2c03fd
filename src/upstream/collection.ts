import type { ReadingTimes } from '../domain/reading-times.ts';
import type { PlatformRequest, RefusedInput, UpstreamAnswer } from './call.ts';
import { unreadable } from './errors.ts';
import type { Service } from './metrics.ts';
import { isPathSegment } from './path-segment.ts';
import { orNull, type PlatformClient } from './platform-client.ts';

/** Things of one kind that the platform keeps, each below a path of its own. */
export interface Collection<Entity> {
  readonly service: Service;
  /** Where they are listed and created; the id of one follows behind a slash. */
  readonly root: string;
  /** Message about a response that `decode` cannot use. */
  readonly unusable: string;
  /** Null when the value is none of them. */
  decode(value: unknown, reading: ReadingTimes): Entity | null;
}

type Client = Pick<PlatformClient, 'call'>;

/**
 * One of them; null when the platform does not know it.
 * @throws {UpstreamUnreadableError} the answer is none of them
 */
export async function getOne<Entity>(client: Client, of: Collection<Entity>, id: string): Promise<Entity | null> {
  if (!isPathSegment(id)) return null;
  const request = { service: of.service, method: 'GET', path: pathOf(of, id), effect: 'read', subject: id } as const;
  const answer = await orNull(client.call(request));
  return answer === null ? null : decodeOne(of, request, answer);
}

/**
 * Creates an entity and returns it. The request is sent once.
 * @param input finds the argument that the platform refuses
 * @throws {InvalidInputError} the platform refused an argument, or does not know an entity that the body names
 * @throws {OutcomeUnknownError} no conclusive response arrived, or the response contains no entity
 */
export async function createOne<Entity>(
  client: Client,
  of: Collection<Entity>,
  body: object,
  input: RefusedInput,
): Promise<Entity> {
  const request = {
    service: of.service,
    method: 'POST',
    path: of.root,
    body: JSON.stringify(body),
    effect: 'create',
    input,
  } as const;
  return decodeOne(of, request, await client.call(request));
}

/**
 * Changes one of them by a JSON Patch. False when the platform does not know it.
 * @param input finds the argument that the platform refuses
 * @throws {InvalidInputError} the platform refused an argument
 */
export async function patchOne(
  { call }: Client,
  of: Collection<unknown>,
  { id, patch, input }: { readonly id: string; readonly patch: readonly object[]; readonly input: RefusedInput },
): Promise<boolean> {
  if (!isPathSegment(id)) return false;
  const body = JSON.stringify(patch);
  const what = { service: of.service, path: pathOf(of, id), subject: id, input } as const;
  return (await orNull(call({ ...what, method: 'PATCH', body, effect: 'update', answer: 'ignored' }))) !== null;
}

/**
 * Deletes one of them, which in the case of jobs marks it for cancelling. False when the platform does not know it. The
 * answer's body differs from one revision of the APIs to the next; any 2xx means that it was done.
 */
export async function deleteOne({ call }: Client, of: Collection<unknown>, id: string): Promise<boolean> {
  if (!isPathSegment(id)) return false;
  const what = { service: of.service, path: pathOf(of, id), subject: id } as const;
  return (await orNull(call({ ...what, method: 'DELETE', effect: 'delete', answer: 'ignored' }))) !== null;
}

function decodeOne<Entity>(of: Collection<Entity>, request: PlatformRequest, answer: UpstreamAnswer): Entity {
  const entity = of.decode(answer.json, answer.reading);
  if (entity === null) throw unreadable(request, answer, of.unusable);
  return entity;
}

const pathOf = ({ root }: Collection<unknown>, id: string): string => `${root}/${encodeURIComponent(id)}`;
