import { type GraphQLField, type GraphQLObjectType, type GraphQLResolveInfo, isNamedType } from 'graphql';
import { expect, it } from 'vitest';
import type { GatewayContext } from '../../../../src/context/context.ts';
import { ForbiddenError } from '../../../../src/errors.ts';
import { schema } from '../../../../src/schema/index.ts';

/** Root fields that check each of their entries, or that check nothing. */
const unchecked = ['viewer', 'nodes', '_entities'];

const fieldsOf = (type: GraphQLObjectType | null | undefined) =>
  Object.values(type?.getFields() ?? {}).map((field) => [field.name, field] as const);

/**
 * Returns the result or the error of a resolver for a caller with these rights. Without rights, the resolver must read
 * nothing.
 */
async function outcomeOf(
  resolve: GraphQLField<unknown, unknown>['resolve'],
  rights: Pick<GatewayContext, 'canRead' | 'canWrite' | 'canReadData'> &
    Partial<Pick<GatewayContext, 'recordMutation'>>,
): Promise<unknown> {
  try {
    return await resolve?.(undefined, {}, rights, {} as GraphQLResolveInfo);
  } catch (error) {
    return error;
  }
}

const withoutReading = { canRead: false, canWrite: true, canReadData: true };
const withoutWriting = { canRead: true, canWrite: false, canReadData: true };
const withoutData = { canRead: true, canWrite: true, canReadData: false };

it.each(fieldsOf(schema.getQueryType()).filter(([name]) => !unchecked.includes(name)))(
  'the query %s requires read access',
  async (_, { resolve }) => {
    expect(await outcomeOf(resolve, withoutReading)).toBeInstanceOf(ForbiddenError);
  },
);

it.each(fieldsOf(schema.getSubscriptionType()))(
  'the subscription %s requires read access',
  async (_, { subscribe }) => {
    expect(await outcomeOf(subscribe, withoutReading)).toBeInstanceOf(ForbiddenError);
  },
);

it.each(fieldsOf(schema.getMutationType()))(
  'the mutation %s requires write access, and its refusal is recorded',
  async (name, { resolve, type }) => {
    const refusals: unknown[] = [];
    const recordMutation: GatewayContext['recordMutation'] = async (mutation, run) => {
      try {
        return await run();
      } catch (error) {
        refusals.push({ mutation, error });
        throw error;
      }
    };
    // The error is a member of the union.
    expect(isNamedType(type)).toBe(true);
    const refused = await outcomeOf(resolve, { ...withoutWriting, recordMutation });
    expect(refused).toMatchObject({ code: 'FORBIDDEN' });
    expect(refusals).toMatchObject([{ mutation: { operation: name }, error: { code: 'FORBIDDEN' } }]);
    expect(await outcomeOf(resolve, { ...withoutReading, recordMutation })).not.toMatchObject({ code: 'FORBIDDEN' });
  },
);

it('the sandboxes of the viewer require read access', async () => {
  const sandboxes = fieldsOf(schema.getType('Viewer') as GraphQLObjectType).find(([name]) => name === 'sandboxes');
  expect(await outcomeOf(sandboxes?.[1].resolve, withoutReading)).toBeInstanceOf(ForbiddenError);
});

it.each([
  ['Batch', 'preview'],
  ['Batch', 'failures'],
  ['BatchFile', 'downloadUrl'],
])('the field %s.%s requires access to the contents of files', async (type, name) => {
  const field = fieldsOf(schema.getType(type) as GraphQLObjectType).find(([each]) => each === name);
  expect(await outcomeOf(field?.[1].resolve, withoutData)).toBeInstanceOf(ForbiddenError);
});

it('a field below the root requires nothing more', async () => {
  const job = fieldsOf(schema.getType('ExportJob') as GraphQLObjectType).find(([name]) => name === 'id');
  expect(job?.[1].resolve?.({ id: '1' }, {}, withoutReading, {} as GraphQLResolveInfo)).toBe('ExportJob:1');
});
