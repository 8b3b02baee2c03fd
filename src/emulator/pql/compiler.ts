import { identifier, type Parameters } from '../store/sql.ts';
import type { FieldVocabulary, ValueType } from '../xdm/vocabulary.ts';
import { PqlError } from './pql-error.ts';
import type { Comparison, PqlExpression } from './syntax.ts';

/** Access of compiled PQL to the profile in the current row of the surrounding statement. */
export interface PqlTarget {
  readonly parameters: Parameters;
  /** Time of the evaluation, for `now`, `today` and relative times. */
  readonly now: Date;
  readonly profileFields: FieldVocabulary;
  readonly eventFields: FieldVocabulary;
  /** SQL of the value of an attribute, by its dotted path. */
  attribute(path: string): string;
  /**
   * SQL of an aggregate over the events of the profile.
   * @param aggregate SQL over the columns of `experience_events`, under the name `eventRelation`
   */
  eventAggregate(aggregate: string): string;
  /** SQL of whether the profile is in a segment. @param segmentId a placeholder */
  isInSegment(segmentId: string): string;
}

/** Name under which an event aggregate reads `experience_events`. */
export const eventRelation = 'v';

/**
 * A compiled expression. Conditions are never null. Other values are null when a field that they depend on is absent.
 */
export interface Compiled {
  readonly type: ValueType;
  readonly sql: string;
}

/** Context of an expression: the vocabulary of its fields, and the names of its event variables. */
export interface Scope {
  readonly fields: FieldVocabulary;
  readonly variables: ReadonlySet<string>;
  column(path: string): string;
}

export const profileScope = (target: PqlTarget): Scope => ({
  fields: target.profileFields,
  variables: new Set(),
  column: (path) => target.attribute(path),
});

export const eventScope = ({ eventFields: fields }: PqlTarget, variable: string | null): Scope => ({
  fields,
  variables: new Set(variable === null ? [] : [variable]),
  column: (path) => `${eventRelation}.${identifier(path)}`,
});

/** Functions shared by the compilers of the expression kinds. */
export interface Compiler {
  readonly target: PqlTarget;
  compile(expression: PqlExpression, scope: Scope): Compiled;
  /** Like `compile`, for an expression that must have this type. @throws {PqlError} when it has another type. */
  value(expression: PqlExpression, type: ValueType, scope: Scope): string;
  /** Like `value`, for a condition: true or false, never null. */
  condition(expression: PqlExpression, scope: Scope): string;
  /** @throws {PqlError} always */
  fail(problem: string, expression: PqlExpression): never;
}

/** Makes a condition false when a value that it depends on is absent. */
export const holds = (condition: string): Compiled => ({ type: 'boolean', sql: `coalesce(${condition}, false)` });

export const comparisonOperators: Readonly<Record<Comparison, string>> = {
  '=': '=',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

export const failAt =
  (text: string) =>
  (problem: string, { position }: PqlExpression): never => {
    throw new PqlError(problem, text, position);
  };
