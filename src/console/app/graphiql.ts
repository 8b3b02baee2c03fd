import { stringifyDocument, type TypedDocumentNode } from 'urql';

/**
 * Link that opens GraphiQL with an operation. GraphiQL takes only the document from its URL, so that the variables
 * become defaults in it.
 */
export function graphiqlLink<Variables extends Readonly<Record<string, string>>>(
  document: TypedDocumentNode<unknown, Variables>,
  variables: Variables,
): string {
  const definitions = document.definitions.map((definition) =>
    definition.kind === 'OperationDefinition'
      ? {
          ...definition,
          variableDefinitions: (definition.variableDefinitions ?? []).map((each) => {
            const value = variables[each.variable.name.value];
            return value === undefined ? each : { ...each, defaultValue: { kind: 'StringValue' as const, value } };
          }),
        }
      : definition,
  );
  // The kinds of the nodes are those of the document, which is one.
  const changed = { ...document, definitions } as TypedDocumentNode<unknown, Variables>;
  return `/graphql?${new URLSearchParams({ query: stringifyDocument(changed) })}`;
}
