import {
  type DocumentNode,
  type GraphQLSchema,
  isAbstractType,
  isInterfaceType,
  isObjectType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { callPatternOf } from '../graphql/operation-cost.ts';

/** Determines the subscribers that share one execution of an event. It depends on the document of a subscription. */
export interface SharingScope {
  /** Fields of the event itself are the same for the whole tenant. Fields that are read from the platform are not. */
  readonly sharedBy: 'tenant' | 'credential';
  /**
   * The variables that the result depends on. Variables in arguments of the subscription's own field select events and
   * do not change their results.
   */
  readonly variables: readonly string[];
}

/** The sharing scope of the subscriptions in a valid document, of all its operations together. */
export function sharingScopeOf(schema: GraphQLSchema, document: DocumentNode): SharingScope {
  const variables = new Set<string>();
  let sharedBy: SharingScope['sharedBy'] = 'tenant';
  const typeInfo = new TypeInfo(schema);
  const atRoot = () => typeInfo.getParentType() === schema.getSubscriptionType();
  const visitor = {
    VariableDefinition: () => false,
    Argument: () => (atRoot() && !typeInfo.getDirective() ? false : undefined),
    Variable: ({ name }: { readonly name: { readonly value: string } }) => void variables.add(name.value),
    Field: ({ name }: { readonly name: { readonly value: string } }) => {
      // The root field calls the platform before the first event, and not for each event.
      if (!atRoot() && mayCall(schema, typeInfo.getParentType()?.name, name.value)) sharedBy = 'credential';
    },
  };
  visit(document, visitWithTypeInfo(typeInfo, visitor));
  return { sharedBy, variables: [...variables] };
}

/** Whether a field calls the platform, in any of the types that implement an interface. */
function mayCall(schema: GraphQLSchema, typename: string | undefined, name: string): boolean {
  const type = typename === undefined ? undefined : schema.getType(typename);
  const types = isAbstractType(type) ? [type, ...schema.getPossibleTypes(type)] : [type];
  return types.some((each) => {
    const field = isObjectType(each) || isInterfaceType(each) ? each.getFields()[name] : undefined;
    return field !== undefined && callPatternOf(field) !== null;
  });
}
