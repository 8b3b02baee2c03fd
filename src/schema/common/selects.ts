import {
  type FieldNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/**
 * Whether an operation selects a field below the resolved field, with these variables. Fragments are followed and
 * aliases are ignored. A selection that `@skip` or `@include` excludes does not count.
 * @param path names of fields, starting below the resolved field
 */
export function selects(info: GraphQLResolveInfo, path: readonly string[]): boolean {
  let fields: readonly FieldNode[] = info.fieldNodes;
  for (const name of path) {
    fields = fields
      .flatMap(({ selectionSet }) => fieldsOf(selectionSet, info))
      .filter((field) => field.name.value === name);
  }
  return fields.length > 0;
}

const fieldsOf = (set: SelectionSetNode | undefined, info: GraphQLResolveInfo): readonly FieldNode[] =>
  (set?.selections ?? []).filter((node) => isIncluded(node, info)).flatMap((node) => fieldsIn(node, info));

function fieldsIn(node: SelectionNode, info: GraphQLResolveInfo): readonly FieldNode[] {
  switch (node.kind) {
    case Kind.FIELD:
      return [node];
    case Kind.INLINE_FRAGMENT:
      return fieldsOf(node.selectionSet, info);
    case Kind.FRAGMENT_SPREAD:
      return fieldsOf(info.fragments[node.name.value]?.selectionSet, info);
  }
}

function isIncluded(node: SelectionNode, { variableValues }: GraphQLResolveInfo): boolean {
  const isSkipped = getDirectiveValues(GraphQLSkipDirective, node, variableValues)?.['if'] === true;
  return !isSkipped && getDirectiveValues(GraphQLIncludeDirective, node, variableValues)?.['if'] !== false;
}
