import type { ReadingTimes } from '../../domain/reading-times.ts';
import type { BoundClient, FindRejectedInput, PlatformRequest, UpstreamResponse, WriteClient } from '../http/call.ts';
import { unreadableResponse } from '../http/errors.ts';
import { encodedSegment, isPathSegment } from '../http/path-segment.ts';
import type { Service, WriteAction, WrittenEntity } from '../types.ts';
import { nullForNotFound, nullIfNotFound, type PlatformClient } from './client.ts';

/** A page with the number of rows of the whole list. */
export interface Counted {
  /** Number of rows of the whole list under the conditions that were sent. Null if the platform reports no count. */
  readonly total: number | null;
}

/** Entities of one kind in the platform, each below its own path. */
export interface Collection<Entity> {
  readonly service: Service;
  /** Path at which entities are listed and created. The path of one entity is this path, a slash and its id. */
  readonly root: string;
  /** Message about a response that `decode` cannot use. */
  readonly invalidEntityMessage: string;
  /** Null if the value is no such entity. */
  decode(value: unknown, reading: ReadingTimes): Entity | null;
}

/** A collection whose entities the gateway changes. */
export interface WritableCollection<Entity> extends Collection<Entity> {
  readonly entity: WrittenEntity;
}

/**
 * One entity; null if the platform does not have it.
 * @throws {UpstreamUnreadableError} the response is no such entity
 */
export function getOne<Entity>(client: BoundClient, of: Collection<Entity>, id: string): Promise<Entity | null> {
  if (!isPathSegment(id)) return Promise.resolve(null);
  const request = { service: of.service, method: 'GET', path: pathOf(of, id), effect: 'read', subject: id } as const;
  return client.call(request).then((response) => decodeOne(of, request, response), nullForNotFound);
}

/**
 * Creates an entity and returns it. The request is sent once.
 * @param input finds the argument that the platform rejects
 * @throws {InvalidInputError} the platform rejected an argument, or does not have an entity that the body names
 * @throws {OutcomeUnknownError} no conclusive response arrived, or the response contains no entity
 */
export async function createOne<Entity>(
  client: WriteClient,
  of: Collection<Entity>,
  body: object,
  input: FindRejectedInput,
): Promise<Entity> {
  const request = {
    service: of.service,
    method: 'POST',
    path: of.root,
    body: JSON.stringify(body),
    effect: 'create',
    input,
  } as const;
  return decodeOne(of, request, await client.send(request));
}

/**
 * Changes one entity by a JSON Patch. False if the platform does not have it.
 * @param input finds the argument that the platform rejects
 * @throws {InvalidInputError} the platform rejected an argument
 */
export async function patchOne(
  client: PlatformClient,
  of: WritableCollection<unknown>,
  { id, patch, input }: { readonly id: string; readonly patch: readonly object[]; readonly input: FindRejectedInput },
): Promise<boolean> {
  const body = JSON.stringify(patch);
  return await changeOne(client, of, { id, action: 'update' }, { method: 'PATCH', body, effect: 'update', input });
}

/**
 * Deletes one entity; the delete of a job marks it for cancelling. False if the platform does not have it. Any 2xx
 * means success. The body is ignored, because it differs between revisions of the APIs.
 */
export const deleteOne = (
  client: PlatformClient,
  of: WritableCollection<unknown>,
  change: { readonly id: string; readonly action: 'cancel' | 'delete' },
): Promise<boolean> => changeOne(client, of, change, { method: 'DELETE', effect: 'delete' });

async function changeOne(
  client: PlatformClient,
  of: WritableCollection<unknown>,
  { id, action }: { readonly id: string; readonly action: WriteAction },
  request: Pick<PlatformRequest, 'method' | 'body' | 'input'> & { readonly effect: 'update' | 'delete' },
): Promise<boolean> {
  if (!isPathSegment(id)) return false;
  return await client.write({ entity: of.entity, action, id }, async (sender) => {
    const { service } = of;
    const what = { service, path: pathOf(of, id), subject: id, response: 'ignored' } as const;
    const response = await nullIfNotFound(sender.send({ ...what, ...request }));
    return { result: response !== null, id: response === null ? null : id, evidence: 'response' };
  });
}

function decodeOne<Entity>(of: Collection<Entity>, request: PlatformRequest, response: UpstreamResponse): Entity {
  const entity = of.decode(response.json, response.reading);
  if (entity === null) throw unreadableResponse(request, response, of.invalidEntityMessage);
  return entity;
}

const pathOf = ({ root }: Collection<unknown>, id: string): string => `${root}/${encodedSegment(id)}`;
