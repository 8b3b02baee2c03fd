import { BasePlugin, type PothosOutputFieldConfig, default as SchemaBuilder, type SchemaTypes } from '@pothos/core';
import type { GraphQLFieldResolver } from 'graphql';
import type { GatewayContext } from '../../context/context.ts';
import type { WriteAction, WrittenEntity } from '../../upstream/types.ts';
import { loggablePlatformId } from './global-id.ts';

/** The change that a mutation field stands for, as stated in the member `writes` of its extensions. */
export interface StatedWrite {
  readonly entity: WrittenEntity;
  readonly action: WriteAction;
}

declare global {
  // Pothos finds plugins in this namespace.
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      audit: AuditPlugin<Types>;
    }
  }
}

/**
 * Records every mutation field in the audit log, also if the caller may not write. A mutation field without the
 * extension `writes` cannot be built, and a context without a record cannot write.
 */
export class AuditPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolve: GraphQLFieldResolver<unknown, Types['Context'], object>,
    field: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    if (field.kind !== 'Mutation') return resolve;
    const write = writeOf(field);
    return (source, args, context, info) =>
      // The builder types the context. The types of plugins do not reach it.
      (context as Types['Context'] & GatewayContext).recordMutation(
        {
          operation: field.name,
          ...write,
          id: write.action !== 'create' && 'id' in args ? loggablePlatformId(write.entity, args.id) : null,
        },
        () => resolve(source, args, context, info),
      );
  }
}

SchemaBuilder.registerPlugin('audit', AuditPlugin);

/** @throws {Error} the field does not state its change */
function writeOf<Types extends SchemaTypes>({ name, extensions }: PothosOutputFieldConfig<Types>): StatedWrite {
  // The type of the extension is checked where it is stated, by `writes`.
  const stated = extensions?.['writes'] as StatedWrite | undefined;
  if (stated === undefined) throw new Error(`The mutation ${name} does not state what it writes.`);
  return stated;
}

/** The extension of a mutation field that states its change. */
export const writes = (entity: WrittenEntity, action: WriteAction): { readonly writes: StatedWrite } => ({
  writes: { entity, action },
});
