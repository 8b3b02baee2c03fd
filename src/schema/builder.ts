import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import type { GatewayContext } from '../context/context.ts';
import './access.ts';

export const builder = new SchemaBuilder<{
  Context: GatewayContext;
  DefaultFieldNullability: false;
  DefaultInputFieldRequiredness: false;
  Scalars: {
    ID: { Input: string; Output: string };
    /** An Invalid Date on the way in stands for text that is no date: input validation names its path. */
    DateTime: { Input: Date; Output: Date };
    SafeInt: { Input: number; Output: number };
    URL: { Input: string; Output: string };
    /** Whatever a router sends: the resolver checks it. */
    _Any: { Input: unknown; Output: unknown };
    JSONObject: { Input: Readonly<Record<string, unknown>>; Output: Readonly<Record<string, unknown>> };
  };
}>({
  // In this order, so that a mutation that is not allowed answers ForbiddenError in its union.
  plugins: [ErrorsPlugin, 'access'],
  defaultFieldNullability: false,
  errors: {
    // The union is the payload or an error, without an object around the payload.
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${fieldName.charAt(0).toUpperCase()}${fieldName.slice(1)}Result`,
      description: 'The payload, or the reason why there is none: one of the types that implement `Error`.',
    },
  },
});

builder.queryType({
  description: 'What can be read. Everything is of the organization and sandbox of the request.',
});
builder.mutationType({
  description: 'What can be created, cancelled and deleted. Each answers its payload, or the reason why not.',
});
builder.subscriptionType({
  description: 'Live views. Each begins with the present state and goes on with every change, in order.',
});
