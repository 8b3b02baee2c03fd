import { UnknownMergePolicyError } from '../catalog/find-merge-policy.ts';
import { EventQueryError, readEvents } from '../engine/read-events.ts';
import { type IdentityReference, type ProfileLookup, readProfiles, xidOf } from '../engine/read-profiles.ts';
import { PlatformError, profileAccessError } from '../errors.ts';
import { type Call, json, type Operation, type Platform, type Reply } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import {
  type EntityRequest,
  invalid,
  nextPageBody,
  parseEntityBody,
  parseEntityQuery,
  writeStart,
} from './entity-request.ts';

/** `GET /access/entities`: a profile, or a page of its events. */
export const getEntity: Operation = (call, platform) =>
  answering(platform, async () => {
    const request = parseEntityQuery(call.query);
    switch (request.kind) {
      case 'events': {
        const [identity] = request.identities;
        const page = identity && (await eventsOf(identity, request, call, platform));
        if (!page) throw notFound();
        const next = page.next && writeStart(page.next);
        const href = next === null ? '' : `/entities?${nextQuery(next, request, platform)}`;
        return json(envelope(page, request, next, { href }));
      }
      case 'profile': {
        const [lookup] = await lookUp(request, call, platform);
        const error = lookup && problemOf(lookup, platform);
        if (!lookup || error) throw error ?? notFound();
        return json({ [lookup.xid]: entityOf(lookup) });
      }
      case 'business':
        throw notFound();
    }
  });

/** `POST /access/entities`: profiles by XID, or a page of events per profile. */
export const postEntities: Operation = (call, platform) =>
  answering(platform, async () => {
    const request = parseEntityBody(call.body);
    switch (request.kind) {
      case 'events':
        return json(await eventsByProfile(request, call, platform));
      case 'profile':
        return profilesReply(await lookUp(request, call, platform), platform);
      case 'business': {
        const nobody = request.identities.map((requested) => ({ requested, xid: xidOf(requested), profile: null }));
        return profilesReply(nobody, platform);
      }
    }
  });

/** Counts the request against the limit, and converts errors of the engine to a 400. */
async function answering({ entityRequests }: Platform, answer: () => Promise<Reply>): Promise<Reply> {
  if (!entityRequests.admits()) throw new PlatformError(429, 'UPS-ACC-1000429', 'Too many requests');
  try {
    return await answer();
  } catch (error) {
    if (error instanceof UnknownMergePolicyError || error instanceof EventQueryError) throw invalid(error.message);
    throw error;
  }
}

function lookUp(
  { identities, fields, mergePolicyId }: EntityRequest,
  { sandbox }: Call,
  { database }: Platform,
): Promise<readonly ProfileLookup[]> {
  return readProfiles(database, { sandbox, identities, fields, mergePolicyId });
}

function profilesReply(lookups: readonly ProfileLookup[], { quirks }: Platform): Reply {
  const errors: JsonObject[] = [];
  const entities: [xid: string, entity: JsonObject][] = [];
  for (const lookup of lookups) {
    const { xid, requested } = lookup;
    const requestedIdentity = {
      entityId: requested.value,
      entityIdNS: requested.namespace === null ? undefined : { code: requested.namespace },
    };
    const error = problemOf(lookup, { quirks });
    if (error === null) entities.push([xid, { requestedIdentity, ...entityOf(lookup) }]);
    else if (error.status !== 404 || quirks.unknownEntity === 'multi-status') {
      errors.push({ xid, error: profileAccessError(error) });
    } else if (quirks.unknownEntity === 'empty') {
      entities.push([xid, { requestedIdentity, ...emptyEntity(xid) }]);
    }
  }
  if (errors.length === 0) return json(Object.fromEntries(entities));
  const found = quirks.multiStatusEntities === 'errors' ? [] : entities.map(([, entity]) => entity);
  return { kind: 'json', status: 207, body: [...errors, ...found] };
}

/** Error for a profile that cannot be returned; null when it can. */
function problemOf({ xid, profile }: ProfileLookup, { quirks }: Pick<Platform, 'quirks'>): PlatformError | null {
  if (profile === null) return notFound();
  if (profile.identityGraph.length <= quirks.maximumGraphIdentities) return null;
  return new PlatformError(422, 'UPS-MRG-1000422', `Too many related identities for XID - "${xid}"`);
}

function entityOf({ xid, profile }: ProfileLookup): JsonObject {
  if (profile === null) return emptyEntity(xid);
  return {
    entityId: xid,
    mergePolicy: { id: profile.mergePolicyId },
    sources: profile.sources,
    tags: profile.tags,
    identityGraph: profile.identityGraph,
    entity: profile.entity,
    lastModifiedAt: profile.lastModifiedAt.toISOString(),
  };
}

/** The platform's response for an unknown identity. */
function emptyEntity(xid: string): JsonObject {
  return { entityId: xid, sources: [''], entity: {}, lastModifiedAt: '1970-01-01T00:00:00Z' };
}

/** Query for the next page. The documentation uses `start`, but some clients read `offsets`. */
function nextQuery(next: string, { limit }: EntityRequest, { quirks }: Pick<Platform, 'quirks'>): string {
  const start = `start=${next}&limit=${limit}`;
  return quirks.eventsNextLink === 'start' ? start : `${start}&offsets=${next}`;
}

interface EventsPage {
  readonly children: readonly JsonObject[];
  /** Body of the request for the next page; null on the last page. */
  readonly next: (JsonObject & { readonly start: string }) | null;
}

/**
 * Formats a list of events: `{_page, children, _links}`. The page includes the id of its first event and the start of
 * the next page.
 */
function envelope(
  { children }: EventsPage,
  { orderby }: EntityRequest,
  next: string | null,
  link: JsonObject,
): JsonObject {
  return {
    _page: {
      orderby: orderby.replace('+', ''),
      start: children[0]?.['entityId'] ?? '',
      count: children.length,
      next: next ?? '',
    },
    children,
    _links: { next: link },
  };
}

async function eventsOf(
  identity: IdentityReference,
  request: EntityRequest,
  { sandbox }: Call,
  { database }: Platform,
): Promise<EventsPage | null> {
  const { fields, mergePolicyId, startTime, endTime, limit, orderby, properties, start } = request;
  const page = await readEvents(database, {
    sandbox,
    identity,
    fields,
    mergePolicyId,
    startTime,
    endTime,
    limit,
    orderby,
    properties,
    start,
  });
  if (page === null) return null;
  const { events, next } = page;
  return {
    children: events.map(({ relatedEntityId, entityId, timestamp, entity, lastModifiedAt }) => ({
      relatedEntityId,
      entityId,
      timestamp: timestamp.getTime(),
      entity,
      lastModifiedAt: lastModifiedAt.toISOString(),
    })),
    next: next === null ? null : nextPageBody(request, identity, next),
  };
}

/** Pages of events by profile. Unknown profiles and profiles without events are omitted. */
async function eventsByProfile(request: EntityRequest, call: Call, platform: Platform): Promise<JsonObject> {
  const entries: [xid: string, page: JsonObject][] = [];
  for (const identity of request.identities) {
    const page = await eventsOf(identity, request, call, platform);
    if (page === null) continue;
    const link = page.next === null ? { href: '' } : { href: '', payload: page.next };
    entries.push([xidOf(identity), envelope(page, request, page.next?.start ?? null, link)]);
  }
  return Object.fromEntries(entries);
}

function notFound(): PlatformError {
  return new PlatformError(404, 'UPS-ACC-1000404', 'The entity does not exist.');
}
