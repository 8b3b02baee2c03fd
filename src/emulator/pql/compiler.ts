import { identifier, type Parameters } from '../engine/sql.ts';
import type { FieldVocabulary, ValueType } from './fields.ts';
import { PqlError } from './pql-error.ts';
import type { Comparison, PqlExpression } from './syntax.ts';

/** How compiled PQL reaches the profile that a row of the surrounding statement stands for. */
export interface PqlTarget {
  readonly parameters: Parameters;
  /** The time of the evaluation, for `now`, `today` and what is relative to them. */
  readonly now: Date;
  readonly profileFields: FieldVocabulary;
  readonly eventFields: FieldVocabulary;
  /** The value of an attribute, by its dotted path. */
  attribute(path: string): string;
  /**
   * The value of an aggregate over the events of the profile.
   * @param aggregate SQL over the columns of `experience_events`, under the name `eventRelation`
   */
  eventAggregate(aggregate: string): string;
  /** Whether the profile is in a segment. @param segmentId a placeholder */
  isInSegment(segmentId: string): string;
}

/** The name under which an event aggregate reads `experience_events`. */
export const eventRelation = 'v';

/** A compiled expression. Conditions are never null; other values are null when something that they need is absent. */
export interface Compiled {
  readonly type: ValueType;
  readonly sql: string;
}

/** Where an expression stands: what its fields are fields of, and by which name it may call an event. */
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

/** What the compilers of the kinds of expressions share. */
export interface Compiler {
  readonly target: PqlTarget;
  compile(expression: PqlExpression, scope: Scope): Compiled;
  /** As `compile`, of an expression that must have this type. @throws {PqlError} when it has another. */
  value(expression: PqlExpression, type: ValueType, scope: Scope): string;
  /** As `value`, of a condition: true or false, never null. */
  condition(expression: PqlExpression, scope: Scope): string;
  /** @throws {PqlError} always */
  fail(problem: string, expression: PqlExpression): never;
}

/** A condition that does not hold when something that it needs is absent. */
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
