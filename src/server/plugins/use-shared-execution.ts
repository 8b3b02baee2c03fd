// biome-ignore lint/suspicious/noDeprecatedImports: only the form with positional arguments is deprecated.
import { createSourceEventStream, type DocumentNode, type ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { GatewayContext } from '../../context/context.ts';
import { tenantKey } from '../../domain/tenant.ts';
import type { DirectDelivery } from '../direct-delivery.ts';
import { audienceOf, type EventAudience } from '../event-audience.ts';
import { ExecutionGroup, type SubscriptionArgs } from '../execution-group.ts';
import type { MaskError } from '../graphql-error.ts';
import { SharedStream } from '../shared-stream.ts';

/** The context as it comes from a transport that may take results past the pipeline. */
type Delivered = GatewayContext & { readonly deliver?: DirectDelivery | undefined };

/** The subscriptions of one document. */
interface DocumentGroups {
  readonly audience: EventAudience;
  /** Those that have members, by what tells them apart. */
  readonly groups: Map<string, ExecutionGroup>;
}

/**
 * Executes each event of a subscription once for all who are told the same of it: subscriptions of one tenant with the
 * same document, operation and variables, and of the same credential where a selected field asks the platform. Over
 * every transport: it is part of the pipeline, and nothing of it shows to resolvers.
 */
export function useSharedExecution({ maskError }: { readonly maskError: MaskError }): Plugin<Delivered> {
  const documents = new WeakMap<DocumentNode, DocumentGroups>();

  const groupOf = (args: SubscriptionArgs): ExecutionGroup => {
    const { schema, document } = args;
    const known = documents.get(document) ?? { audience: audienceOf(schema, document), groups: new Map() };
    documents.set(document, known);
    const { audience, groups } = known;
    const key = keyOf(audience, args);
    const group =
      groups.get(key) ??
      new ExecutionGroup({ scope: audience.scope, maskError, onEmpty: () => void groups.delete(key) });
    groups.set(key, group);
    return group;
  };

  const subscribe = async (
    args: SubscriptionArgs,
    deliver: DirectDelivery | null,
  ): Promise<SharedStream | ExecutionResult> => {
    // With a context of its own: what plugins keep by the context of who subscribes goes once the stream has begun.
    const events = await createSourceEventStream({ ...args, contextValue: { ...args.contextValue } });
    if (!(Symbol.asyncIterator in events)) return events;
    return new SharedStream({ events: events[Symbol.asyncIterator](), group: groupOf(args), args, deliver });
  };

  return {
    onSubscribe: ({ args, setSubscribeFn }) => setSubscribeFn(() => subscribe(args, args.contextValue.deliver ?? null)),
  };
}

/** What tells groups of one document apart. */
function keyOf(
  { scope, variables }: EventAudience,
  { operationName, variableValues, contextValue }: SubscriptionArgs,
): string {
  const given = variableValues ?? {};
  return JSON.stringify([
    tenantKey(contextValue.tenant),
    scope === 'tenant' ? null : contextValue.credentialFingerprint,
    operationName ?? null,
    // One that is missing has its default, which null has not.
    variables.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  ]);
}
