import { BasePlugin, type PothosOutputFieldConfig, default as SchemaBuilder, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import { ForbiddenError } from '../../errors.ts';

/** The right that a field requires of its caller. `authenticated`: every authenticated caller has it. */
export type Access = 'read' | 'write' | 'data' | 'authenticated';

declare global {
  // Pothos finds plugins in this namespace.
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      access: AccessPlugin<Types>;
    }
  }
}

/** The error of every read by a caller without read access. */
export const readingNotAllowed = (): ForbiddenError =>
  new ForbiddenError({ message: 'The token does not allow reading.' });

const dataNotAllowed = () => new ForbiddenError({ message: 'The token does not allow reading the contents of files.' });

const writingNotAllowed = () => new ForbiddenError({ message: 'The token does not allow changes.' });

/**
 * Checks the rights of the caller before a field is resolved. Root fields of queries and subscriptions require read
 * access, those of mutations write access. A field can state another requirement in the member `access` of its
 * extensions.
 *
 * `@pothos/plugin-scope-auth` is not used, because it keeps data of each request by its context in a WeakMap. A
 * scavenge of V8 treats the values of a WeakMap as reachable, so that everything that the context leads to moved into
 * the old generation: a fifth of the time of a list of 50 jobs.
 */
export class AccessPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    // The events of a subscription are not checked again.
    return field.kind === 'Subscription' ? resolve : guarded(resolve, accessOf(field.kind, field.extensions));
  }

  override wrapSubscribe(
    subscribe: GraphQLFieldResolver<unknown, Types['Context'], object> | undefined,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> | undefined {
    return subscribe === undefined ? undefined : guarded(subscribe, accessOf(field.kind, field.extensions));
  }
}

SchemaBuilder.registerPlugin('access', AccessPlugin);

/**
 * The right that a field requires. Null: the field requires nothing, because a field above it does.
 * @param kind name of the root type that has the field; any other text if it has another parent
 */
export function accessOf(
  kind: string,
  extensions: Readonly<Record<string, unknown>> | null | undefined,
): Access | null {
  const stated: unknown = extensions?.['access'];
  if (stated === 'read' || stated === 'write' || stated === 'data' || stated === 'authenticated') return stated;
  switch (kind) {
    case 'Query':
    case 'Subscription':
      return 'read';
    case 'Mutation':
      return 'write';
    default:
      return null;
  }
}

function guarded<Context extends object>(
  resolve: GraphQLFieldResolver<unknown, Context, object>,
  access: Access | null,
): GraphQLFieldResolver<unknown, Context, object> {
  if (access === null || access === 'authenticated') return resolve;
  return (source, args, context, info) => {
    // The builder types the context. The types of plugins do not reach it.
    const { canRead, canWrite, canReadData } = context as Context & GatewayContext;
    if (access === 'read' && !canRead) throw readingNotAllowed();
    if (access === 'write' && !canWrite) throw writingNotAllowed();
    if (access === 'data' && !canReadData) throw dataNotAllowed();
    return resolve(source, args, context, info);
  };
}
