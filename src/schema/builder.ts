import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import type { GatewayContext } from '../context/context.ts';
import './common/access.ts';
import './common/audit.ts';

/** Description of every result union. */
export const resultDescription = 'The payload on success, otherwise one of the types that implement `Error`.';

export const builder = new SchemaBuilder<{
  Context: GatewayContext;
  DefaultFieldNullability: false;
  DefaultInputFieldRequiredness: false;
  Scalars: {
    ID: { Input: string; Output: string };
    /** An Invalid Date as input stands for a text that is not a date. Input validation reports its path. */
    DateTime: { Input: Date; Output: Date };
    SafeInt: { Input: number; Output: number };
    URL: { Input: string; Output: string };
    /** The value that a router sends. The resolver checks it. */
    _Any: { Input: unknown; Output: unknown };
    JSONObject: { Input: Readonly<Record<string, unknown>>; Output: Readonly<Record<string, unknown>> };
  };
}>({
  // The order of the plugins makes a mutation without write access return ForbiddenError in its union, and records it.
  plugins: [ErrorsPlugin, 'audit', 'access'],
  defaultFieldNullability: false,
  errors: {
    // The union is the payload or an error, without an object around the payload.
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${fieldName.charAt(0).toUpperCase()}${fieldName.slice(1)}Result`,
      description: resultDescription,
    },
  },
});

builder.queryType({
  description: 'Reads. Every field returns data of the organization and sandbox of the request.',
});
builder.mutationType({
  description: 'Changes. Each field returns its payload, or an error type with the reason why nothing was done.',
});
builder.subscriptionType({
  description: 'Live updates. Each subscription first emits the current state, then every change in order.',
});
