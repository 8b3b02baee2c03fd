// biome-ignore lint/suspicious/noDeprecatedImports: only the form with positional arguments is deprecated.
import { createSourceEventStream, type DocumentNode, type ExecutionResult } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import type { SubscriptionQuota, SubscriptionSlot } from '../../context/subscription-quota.ts';
import { tenantKey } from '../../domain/tenant.ts';
import { isPullSource } from '../../runtime/pull-source.ts';
import type { MaskError } from '../graphql/error-mask.ts';
import type { Subscribe } from '../graphql/pipeline-types.ts';
import { type EventContexts, ExecutionGroup, type SubscriptionArgs } from './execution-group.ts';
import { GroupMember } from './group-member.ts';
import { PullSubscription } from './pull-subscription.ts';
import { PushSubscription } from './push-subscription.ts';
import { type SharingScope, sharingScopeOf } from './sharing-scope.ts';

export interface SharedSubscriptionsOptions {
  readonly maskError: MaskError;
  /** Counts each subscription for as long as it lasts. */
  readonly quota: SubscriptionQuota;
}

/** The subscriptions of one document. */
interface DocumentGroups {
  readonly scope: SharingScope;
  /** Groups with members, by `keyOf`. */
  readonly groups: Map<string, ExecutionGroup>;
}

/**
 * Creates the function that starts subscriptions. Each event is executed once for all subscribers that receive the same
 * result: subscriptions of one tenant with the same document, operation and variables, and of the same credential if a
 * selected field calls the platform. It is part of the pipeline of all transports, and resolvers do not notice it.
 */
export function createSharedSubscriptions({ maskError, quota }: SharedSubscriptionsOptions): Subscribe {
  const documents = new WeakMap<DocumentNode, DocumentGroups>();

  const groupOf = (args: SubscriptionArgs): ExecutionGroup => {
    const { schema, document, operationName, variableValues, contextValue } = args;
    const known = documents.get(document) ?? { scope: sharingScopeOf(schema, document), groups: new Map() };
    documents.set(document, known);
    const { scope, groups } = known;
    const key = keyOf(scope, args);
    const present = groups.get(key);
    if (present !== undefined) return present;
    const group = new ExecutionGroup({
      operation: { schema, document, operationName, variableValues },
      contexts: scope.sharedBy === 'tenant' ? contextValue.forTenant() : eventsOf(contextValue),
      clock: contextValue.clock,
      maskError,
      onEmpty: () => void groups.delete(key),
    });
    groups.set(key, group);
    return group;
  };

  const begin = async (args: SubscriptionArgs, slot: SubscriptionSlot) => {
    const { contextValue } = args;
    const { signal, trace } = contextValue;
    // The start has a separate context, so that data that plugins keep by context is released after the stream has
    // started.
    const events = await createSourceEventStream({ ...args, contextValue: contextValue.forStart() });
    if (!(Symbol.asyncIterator in events)) {
      return { ...events, errors: (events.errors ?? []).map((error) => maskError(error, contextValue)) };
    }
    const member = new GroupMember({ group: groupOf(args), slot, link: trace?.link ?? null });
    return isPullSource(events)
      ? new PushSubscription({ events, member, signal })
      : new PullSubscription({ events: events[Symbol.asyncIterator](), member, signal });
  };

  return async (args) => {
    const slot = quota.open(args.contextValue);
    let begun: AsyncIterable<ExecutionResult> | ExecutionResult | null = null;
    try {
      begun = await begin(args, slot);
      return begun;
    } finally {
      // Without a stream, the subscription was rejected or has failed.
      if (begun === null || !(Symbol.asyncIterator in begun)) slot.end('not_started');
    }
  };
}

/** Closures of one call share their scope. This function is separate, so that a group of a tenant keeps no context. */
const eventsOf =
  (context: GatewayContext): EventContexts =>
  (signal, trace) =>
    context.forEvent(signal, trace);

/** The key of a group among those of one document. */
function keyOf(
  { sharedBy, variables }: SharingScope,
  { operationName, variableValues, contextValue }: SubscriptionArgs,
): string {
  const given = variableValues ?? {};
  return JSON.stringify([
    tenantKey(contextValue.tenant),
    // Links to downloads, which only fields of a credential contain, begin with the URL that their caller uses. Callers
    // with one credential can have different rights to the contents of files.
    sharedBy === 'tenant'
      ? null
      : [contextValue.credentialFingerprint, contextValue.publicUrl, contextValue.canReadData],
    operationName ?? null,
    // A missing variable has its default value, and null does not.
    variables.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]),
  ]);
}
