import type { Profile } from '../../domain/profile.ts';
import type { DecodeContext } from './decode-context.ts';
import { type EntryError, readEntryError } from './entry-error.ts';
import { asList, asRecord, isText, readId, type WireRecord } from './readers.ts';
import { decodeSegmentMemberships } from './segment-membership.ts';
import { readTime } from './time.ts';

/** A value within an identity namespace, which identifies a person. */
export interface Identity {
  readonly namespace: string;
  readonly value: string;
}

/** The entry of one person in the response to a lookup. */
export interface ProfileEntry {
  /** `nobody` marks an identity that no person has. */
  readonly content:
    | { readonly kind: 'profile'; readonly profile: Profile }
    | { readonly kind: 'failure'; readonly error: EntryError }
    | { readonly kind: 'nobody' };
  /** The requested identity, if the entry names it. */
  readonly requested: Identity | null;
  /** All identities of the person; empty if they are not among the returned fields. */
  readonly identities: readonly Identity[];
}

type EntryKey = 'requestedIdentity' | 'entityId' | 'xid' | 'entity' | 'sources' | 'lastModifiedAt';

/**
 * The entries of the response to a lookup of several identities: a map from XID to profile or error, or a list of
 * profiles and `{xid, error}`. Null if the response is neither.
 */
export function decodeProfileEntries(json: unknown, context: DecodeContext): readonly ProfileEntry[] | null {
  const record = asRecord(json);
  if (record === null && !Array.isArray(json)) return null;
  const keyed: readonly (readonly [string | null, unknown])[] =
    record === null ? asList(json).map((value) => [null, value]) : Object.entries(record);
  // A map with a string or a number is some other object, whose other properties are not profiles either.
  if (keyed.some(([, value]) => typeof value !== 'object')) return null;
  return keyed.flatMap(([key, value]) => {
    const entry = asRecord<EntryKey>(value);
    if (entry !== null) return decodeEntry(key, entry, context);
    context.anomaly('not-an-object');
    return [];
  });
}

function decodeEntry(key: string | null, entry: WireRecord<EntryKey>, context: DecodeContext): ProfileEntry {
  const requested = decodeIdentity(entry.requestedIdentity);
  const entity = asRecord(entry.entity);
  const error = entity === null ? readEntryError(entry) : null;
  if (error !== null) return { content: { kind: 'failure', error }, requested, identities: [] };

  const entityId = readId(entry.entityId) ?? readId(entry.xid) ?? key;
  if (entityId === null) context.anomaly('missing-id');
  if (entity === null) context.anomaly('missing-field');
  const lastModifiedAt = readTime(entry.lastModifiedAt, context);
  const attributes = entity ?? {};
  if (Object.keys(attributes).length === 0 && isUnknown(lastModifiedAt, entry.sources)) {
    return { content: { kind: 'nobody' }, requested, identities: [] };
  }
  const profile: Profile = {
    entityId: entityId ?? '',
    attributes,
    segmentMemberships: decodeSegmentMemberships(attributes, context),
    lastModifiedAt: lastModifiedAt?.getTime() === 0 ? null : lastModifiedAt,
  };
  return { content: { kind: 'profile', profile }, requested, identities: identitiesOf(attributes) };
}

/**
 * Whether an entry without attributes stands for no person: it was last modified in 1970, or it has neither a time nor
 * sources. A person may have none of the requested fields.
 */
const isUnknown = (lastModifiedAt: Date | null, sources: unknown): boolean =>
  lastModifiedAt === null ? !asList(sources).some(isText) : lastModifiedAt.getTime() === 0;

/** `{entityId, entityIdNS: {code}}`, where the id may be a number. */
function decodeIdentity(value: unknown): Identity | null {
  const identity = asRecord<'entityId' | 'entityIdNS'>(value);
  const id = readId(identity?.entityId);
  const namespace = readId(asRecord<'code'>(identity?.entityIdNS)?.code);
  return id === null || namespace === null ? null : { namespace, value: id };
}

/** From `identities` (`[{id, namespace: {code}}]`) and `identityMap` (namespace to `[{id}]`). */
function identitiesOf(entity: WireRecord<'identities' | 'identityMap'>): readonly Identity[] {
  const listed = asList(entity.identities).flatMap((value) => {
    const identity = asRecord<'id' | 'namespace'>(value);
    return identityOf(readId(asRecord<'code'>(identity?.namespace)?.code), readId(identity?.id));
  });
  const mapped = Object.entries(asRecord(entity.identityMap) ?? {}).flatMap(([namespace, items]) =>
    asList(items).flatMap((item) => identityOf(namespace, readId(asRecord<'id'>(item)?.id))),
  );
  return [...listed, ...mapped];
}

const identityOf = (namespace: string | null, value: string | null): Identity[] =>
  namespace === null || value === null ? [] : [{ namespace, value }];
