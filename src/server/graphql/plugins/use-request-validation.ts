import {
  GraphQLError,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  type ValidationRule,
  type validate,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { requestError } from '../request-error.ts';

/** Maximum number of reported errors of one document. */
const maxErrors = 20;

/**
 * Validates documents with the rules of the specification that graphql 16 lacks, and gives each error its code. The
 * pipeline contains this plugin, so that it covers every transport.
 */
export function useRequestValidation(): Plugin {
  return {
    onValidate: ({ validateFn, setValidationFn }) => {
      setValidationFn((...[schema, document, rules, options]: Parameters<typeof validate>) => {
        // This rule comes first and alone, because a rule of graphql throws for such a subscription.
        const conditions = validateFn(schema, document, [noConditionOnSubscriptionRoot], options);
        return conditions.length > 0 ? conditions : validateFn(schema, document, rules, { ...options, maxErrors });
      });
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map((error: Error) => withCode(error)));
      };
    },
  };
}

const withCode = (error: Error): GraphQLError =>
  requestError('GRAPHQL_VALIDATION_FAILED', error.message, error instanceof GraphQLError ? { at: error } : {});

/**
 * A subscription has exactly one root field, so that no directive may remove it:
 * https://spec.graphql.org/September2025/#sec-Single-Root-Field
 */
const noConditionOnSubscriptionRoot: ValidationRule = (context) => {
  const check = (set: SelectionSetNode, seen: ReadonlySet<string>): void => {
    for (const selection of set.selections) {
      const condition = selection.directives?.find(({ name }) => name.value === 'skip' || name.value === 'include');
      if (condition !== undefined) {
        context.reportError(
          new GraphQLError(`The root of a subscription must not have the directive @${condition.name.value}.`, {
            nodes: condition,
          }),
        );
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) check(selection.selectionSet, seen);
      if (selection.kind !== Kind.FRAGMENT_SPREAD || seen.has(selection.name.value)) continue;
      const fragment = context.getFragment(selection.name.value);
      if (fragment) check(fragment.selectionSet, new Set([...seen, fragment.name.value]));
    }
  };
  return {
    OperationDefinition: ({ operation, selectionSet }) => {
      if (operation === OperationTypeNode.SUBSCRIPTION) check(selectionSet, new Set());
    },
  };
};
