/** Position in the text: an offset in UTF-16 code units, starting at 0. */
interface Placed {
  readonly position: number;
}

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';

export interface Literal extends Placed {
  readonly kind: 'literal';
  readonly value: string | number | boolean;
}

/** A dotted path. Its first name may be an event variable. */
export interface Field extends Placed {
  readonly kind: 'field';
  readonly path: readonly string[];
}

export type TimeUnit =
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium';

/**
 * A time that does not depend on data. `day`: `date(2020, 3, 14)`, `@2020-03-14`; `instant`: `@2020-03-14T10:00:00Z`;
 * `unit`: `this`, `last` or `next` with a unit; `today`, `yesterday` and `tomorrow` use the unit `day`.
 */
export interface Time extends Placed {
  readonly kind: 'time';
  readonly time:
    | { readonly kind: 'now' }
    | { readonly kind: 'instant' | 'day'; readonly at: Date }
    | { readonly kind: 'unit'; readonly unit: TimeUnit; readonly offset: -1 | 0 | 1 };
}

/** A time, or an attribute of type time. */
export type TimeReference = Time | Field;

/** The text after `occurs`, or in the parentheses of `WHEN`. */
export type Occurrence =
  | {
      readonly kind: 'distance';
      readonly comparison: Comparison;
      readonly amount: number;
      readonly unit: TimeUnit;
      readonly direction: 'before' | 'after';
      readonly time: TimeReference;
    }
  | { readonly kind: 'side'; readonly direction: 'before' | 'after' | 'from'; readonly time: TimeReference }
  | { readonly kind: 'within'; readonly time: TimeReference }
  | { readonly kind: 'between'; readonly start: TimeReference; readonly end: TimeReference };

/** Events of the profile. Without a condition, all of them. */
export interface Events extends Placed {
  readonly kind: 'events';
  /** Event variable that the condition can use. */
  readonly variable: string | null;
  readonly condition: PqlExpression | null;
}

export interface Chain extends Placed {
  readonly kind: 'chain';
  readonly label: string;
  readonly what: PqlExpression;
  readonly when: Occurrence | null;
  readonly count: { readonly comparison: Comparison; readonly number: number };
}

export type PqlExpression =
  | Literal
  | Field
  | Time
  | Events
  | Chain
  | (Placed & { readonly kind: 'not' | 'negative'; readonly operand: PqlExpression })
  | (Placed & { readonly kind: 'and' | 'or'; readonly operands: readonly PqlExpression[] })
  | (Placed & {
      readonly kind: 'compare';
      readonly comparison: Comparison;
      readonly left: PqlExpression;
      readonly right: PqlExpression;
    })
  | (Placed & {
      readonly kind: 'arithmetic';
      readonly operator: ArithmeticOperator;
      readonly left: PqlExpression;
      readonly right: PqlExpression;
    })
  | (Placed & {
      readonly kind: 'in' | 'notIn';
      readonly value: PqlExpression;
      readonly items: readonly PqlExpression[];
    })
  | (Placed & { readonly kind: 'exists' | 'forall'; readonly events: Events })
  | (Placed & { readonly kind: 'occurs'; readonly value: PqlExpression; readonly occurrence: Occurrence })
  /** `value.name(…)`; `position` is the position of the name. */
  | (Placed & {
      readonly kind: 'method';
      readonly name: string;
      readonly value: PqlExpression;
      readonly parameters: readonly PqlExpression[];
    })
  /** `name(…)` */
  | (Placed & { readonly kind: 'function'; readonly name: string; readonly parameters: readonly PqlExpression[] });
