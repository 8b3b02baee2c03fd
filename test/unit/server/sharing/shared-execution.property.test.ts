import fc from 'fast-check';
import {
  type ExecutionResult,
  type GraphQLObjectType,
  getNamedType,
  isLeafType,
  isObjectType,
  parse,
  subscribe,
} from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import type { ExportJob } from '../../../../src/domain/export-job.ts';
import { createRunReads } from '../../../../src/loaders/job-runs.ts';
import { schema } from '../../../../src/schema/index.ts';
import { callPatternOf } from '../../../../src/server/graphql/operation-cost.ts';
import { createSharedSubscriptions } from '../../../../src/server/sharing/shared-subscriptions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { quotaOf } from '../../../support/quota.ts';
import { runsOf } from '../../../support/tenant-runs.ts';
import { exportJob, tenantOf } from '../../polling/fake-platform.ts';

/** How deep a random selection goes. */
const maxDepth = 4;

/** Random selections of what an event holds: with aliases, fragments and conditions. */
function selectionOf(type: GraphQLObjectType, depth: number): fc.Arbitrary<string> {
  const fields = Object.values(type.getFields()).flatMap((field): fc.Arbitrary<string>[] => {
    const inner = getNamedType(field.type);
    if (callPatternOf(field) !== null) return [];
    if (isLeafType(inner)) return [fc.constant(field.name)];
    if (!isObjectType(inner) || depth === maxDepth) return [];
    return [selectionOf(inner, depth + 1).map((selection) => `${field.name} ${selection}`)];
  });
  const condition = fc.constantFrom('', ' @include(if: $yes)', ' @skip(if: $yes)', ' @skip(if: $no)');
  const entry = fc
    .tuple(fc.oneof(fc.constant('__typename'), ...fields), fc.nat(3), condition)
    .map(([field, form, when]) => {
      const [name = '', ...rest] = field.split(' ');
      const conditional = [`${name}${when}`, ...rest].join(' ');
      if (form === 0) return `... on ${type.name}${when} { ${field} }`;
      // Another name for each field, so that no two of them meet under one.
      return form === 1 ? `${name}_again: ${conditional}` : conditional;
    });
  return fc.array(entry, { minLength: 1, maxLength: 4 }).map((entries) => `{ ${entries.join(' ')} }`);
}

const changed = { previous: exportJob('1', 0, 'NEW'), entity: exportJob('1', 0, 'SUCCEEDED', richer()) };
const events = [
  { kind: 'CHANGED', cursor: 'epoch.1', observedAt: new Date(0), ...changed },
  { kind: 'REMOVED', cursor: 'epoch.2', observedAt: new Date(1), entity: changed.entity, previous: null },
  { kind: 'STALE', cursor: 'epoch.3', observedAt: new Date(2), entity: null, previous: null },
] as const;

/** The fields that are empty in a plain job. */
function richer(): Partial<ExportJob> {
  return {
    errors: [{ code: 'E1', message: 'one', callStack: null, recordCount: null }],
    metrics: {
      totalTime: { startedAt: new Date(0), endedAt: new Date(5), durationMs: 5 },
      profileExportTime: null,
      datasetWriteTime: null,
      totalExportedProfiles: 7,
      exportedProfilesByNamespace: [{ namespace: 'email', count: 7 }],
    },
  };
}

/** All that these fields may use of a context: anything else would be undefined, and fail. */
function contextOf(): GatewayContext {
  const context = {
    tenant: tenantOf(),
    principal: 'somebody',
    credentialFingerprint: 'x',
    canRead: true,
    expiresAt: null,
    signal: new AbortController().signal,
    clock: new FakeClock(),
    loaders: { runs: createRunReads(runsOf(), null), requester: async () => 'somebody' },
    watch: () => ({
      subscribe: async () =>
        (async function* () {
          yield* events;
        })(),
    }),
    forStart: () => context,
    forEvent: () => context,
    forTenant: () => context,
  } as unknown as GatewayContext;
  return context;
}

async function collect(stream: unknown): Promise<readonly ExecutionResult[]> {
  const results: ExecutionResult[] = [];
  if (typeof stream !== 'object' || stream === null || !(Symbol.asyncIterator in stream)) throw new Error('no stream');
  // A subscription gives execution results.
  for await (const result of stream as AsyncIterable<ExecutionResult>) results.push(result);
  return results;
}

it('subscribers that share an execution receive the results that graphql would return to each', async () => {
  const eventType = schema.getType('ExportJobEvent');
  if (!isObjectType(eventType)) throw new Error('There is no type ExportJobEvent.');
  const maskError = (error: unknown) => {
    throw error;
  };
  const start = createSharedSubscriptions({ maskError, quota: quotaOf(2) });

  await fc.assert(
    fc.asyncProperty(selectionOf(eventType, 1), fc.boolean(), async (selection, yes) => {
      const query = `subscription ($yes: Boolean!, $no: Boolean!) { exportJobChanged ${selection} }`;
      const variableValues = { yes, no: !yes };
      const plain = await collect(
        await subscribe({ schema, document: parse(query), variableValues, contextValue: contextOf() }),
      );
      const document = parse(query);
      const shared = await Promise.all(
        [1, 2].map(() => start({ schema, document, variableValues, contextValue: contextOf() })),
      );
      const [one, other] = await Promise.all(shared.map(collect));
      expect(JSON.stringify(one)).toBe(JSON.stringify(plain));
      expect(JSON.stringify(other)).toBe(JSON.stringify(plain));
      expect(plain.every(({ errors }) => errors === undefined)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
