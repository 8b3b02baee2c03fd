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
import { callPatternOf } from './operation-cost.ts';

/** Who is told the same of an event, as far as the document of a subscription decides it. */
export interface EventAudience {
  /** What only shows the event itself is the same for the whole tenant; what is read of the platform for it is not. */
  readonly scope: 'tenant' | 'credential';
  /**
   * The variables that the result depends on. Those that stand only in arguments of the subscription's own field choose
   * the events, and not what is told of them.
   */
  readonly variables: readonly string[];
}

/** The audience of the subscriptions in a valid document, of all its operations together. */
export function audienceOf(schema: GraphQLSchema, document: DocumentNode): EventAudience {
  const variables = new Set<string>();
  let scope: EventAudience['scope'] = 'tenant';
  const typeInfo = new TypeInfo(schema);
  const atRoot = () => typeInfo.getParentType() === schema.getSubscriptionType();
  const visitor = {
    VariableDefinition: () => false,
    Argument: () => (atRoot() && !typeInfo.getDirective() ? false : undefined),
    Variable: ({ name }: { readonly name: { readonly value: string } }) => void variables.add(name.value),
    Field: ({ name }: { readonly name: { readonly value: string } }) => {
      // The root field asks before the first event, and not for each.
      if (!atRoot() && mayAsk(schema, typeInfo.getParentType()?.name, name.value)) scope = 'credential';
    },
  };
  visit(document, visitWithTypeInfo(typeInfo, visitor));
  return { scope, variables: [...variables] };
}

/** Whether a field asks the platform, in any of the types that an interface can stand for. */
function mayAsk(schema: GraphQLSchema, typename: string | undefined, name: string): boolean {
  const type = typename === undefined ? undefined : schema.getType(typename);
  const types = isAbstractType(type) ? [type, ...schema.getPossibleTypes(type)] : [type];
  return types.some((each) => {
    const field = isObjectType(each) || isInterfaceType(each) ? each.getFields()[name] : undefined;
    return field !== undefined && callPatternOf(field) !== null;
  });
}
