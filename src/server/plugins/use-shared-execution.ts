// biome-ignore lint/suspicious/noDeprecatedImports: only the form with positional arguments is deprecated.
import { createSourceEventStream, type DocumentNode, type ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { GatewayContext } from '../../context/context.ts';
import type { SubscriptionQuota } from '../../context/subscription-quota.ts';
import { tenantKey } from '../../domain/tenant.ts';
import { isQuietStream } from '../../runtime/quiet-stream.ts';
import type { DirectResults } from '../direct-results.ts';
import { audienceOf, type EventAudience } from '../event-audience.ts';
import { ExecutionGroup, type SubscriptionArgs } from '../execution-group.ts';
import type { MaskError } from '../graphql-error.ts';
import { SharedFlow } from '../shared-flow.ts';
import { SharedStream } from '../shared-stream.ts';

export interface SharedExecutionOptions {
  readonly maskError: MaskError;
  /** Counts each subscription for as long as it lasts. */
  readonly quota: SubscriptionQuota;
}

/** The context as it comes from a transport that may take results past the pipeline. */
type Delivered = GatewayContext & { readonly direct?: DirectResults | undefined };

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
export function useSharedExecution({ maskError, quota }: SharedExecutionOptions): Plugin<Delivered> {
  const documents = new WeakMap<DocumentNode, DocumentGroups>();

  const groupOf = (args: SubscriptionArgs): ExecutionGroup => {
    const { schema, document, operationName, variableValues, contextValue } = args;
    const known = documents.get(document) ?? { audience: audienceOf(schema, document), groups: new Map() };
    documents.set(document, known);
    const { audience, groups } = known;
    const key = keyOf(audience, args);
    const present = groups.get(key);
    if (present !== undefined) return present;
    const group = new ExecutionGroup({
      operation: { schema, document, operationName, variableValues },
      contexts: audience.scope === 'tenant' ? contextValue.forTenant() : contextValue.forEvent,
      clock: contextValue.clock,
      maskError,
      onEmpty: () => void groups.delete(key),
    });
    groups.set(key, group);
    return group;
  };

  const begin = async (args: SubscriptionArgs & { readonly contextValue: Delivered }, place: Disposable) => {
    // With a context of its own: what plugins keep by the context of who subscribes goes once the stream has begun.
    const events = await createSourceEventStream({ ...args, contextValue: { ...args.contextValue } });
    if (!(Symbol.asyncIterator in events)) return events;
    const group = groupOf(args);
    const { direct } = args.contextValue;
    if (direct === undefined || !isQuietStream(events)) {
      return new SharedStream({ events: events[Symbol.asyncIterator](), group, place });
    }
    direct.offer(new SharedFlow({ events, group, place }));
    return elsewhere;
  };

  const subscribe = async (args: SubscriptionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> => {
    const place = quota.open(args.contextValue);
    let begun: AsyncIterable<ExecutionResult> | ExecutionResult | null = null;
    try {
      begun = await begin(args, place);
      return begun;
    } finally {
      // Refused, failed, or answered without a stream: nothing is open.
      if (begun === null || !(Symbol.asyncIterator in begun)) place[Symbol.dispose]();
    }
  };

  return { onSubscribe: ({ args, setSubscribeFn }) => setSubscribeFn(() => subscribe(args)) };
}

/** The results of a subscription whose transport has them already. */
const elsewhere: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};

/** What tells groups of one document apart. */
function keyOf(
  { scope, variables }: EventAudience,
  { operationName, variableValues, contextValue }: SubscriptionArgs,
): string {
  const given = variableValues ?? {};
  return JSON.stringify([
    tenantKey(contextValue.tenant),
    // Links to downloads, which are in no event itself, begin with the URL that their caller uses.
    scope === 'tenant' ? null : [contextValue.credentialFingerprint, contextValue.publicUrl],
    operationName ?? null,
    // One that is missing has its default, which null has not.
    variables.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]),
  ]);
}
