import type { ValueType } from '../xdm/vocabulary.ts';
import { compileChain, compileEvents, compileQuantifier } from './compile-events.ts';
import { compileField } from './compile-field.ts';
import { compileFunction, compileMethod } from './compile-functions.ts';
import { compileOccurrence, compileTime } from './compile-time.ts';
import {
  type Compiled,
  type Compiler,
  comparisonOperators,
  failAt,
  holds,
  type PqlTarget,
  profileScope,
  type Scope,
} from './compiler.ts';
import { parsePql } from './parse-pql.ts';
import type { ArithmeticOperator, Literal, PqlExpression } from './syntax.ts';

/**
 * Compiles a PQL text into an SQL condition on one profile. No part of the text is copied into the statement: fields
 * come from the schema, operators and functions come from fixed lists, and values are parameters of
 * `target.parameters`.
 * @returns SQL of type BOOLEAN that is never null
 * @throws {PqlError} when the text is not PQL, is outside the subset, names an unknown field, or mixes types.
 */
export function compilePql(text: string, target: PqlTarget): string {
  const compiler = createCompiler(text, target);
  return compiler.condition(parsePql(text), profileScope(target));
}

const typeNames: Readonly<Record<ValueType, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'a condition',
  time: 'a date or a time',
};

function createCompiler(text: string, target: PqlTarget): Compiler {
  const fail = failAt(text);
  const compiler: Compiler = {
    target,
    fail,
    compile: (expression, scope) => compileExpression(expression, scope, compiler),
    value: (expression, type, scope) => {
      const compiled = compiler.compile(expression, scope);
      if (compiled.type === type) return compiled.sql;
      return fail(`Expected ${typeNames[type]}, but this is ${typeNames[compiled.type]}`, expression);
    },
    condition: (expression, scope) => {
      const sql = compiler.value(expression, 'boolean', scope);
      // Among the expressions that can be a condition, only an attribute can be absent.
      return expression.kind === 'field' ? holds(sql).sql : sql;
    },
  };
  return compiler;
}

function compileExpression(expression: PqlExpression, scope: Scope, compiler: Compiler): Compiled {
  switch (expression.kind) {
    case 'literal':
      return compileLiteral(expression, compiler);
    case 'field':
      return compileField(expression, scope, compiler);
    case 'time':
      return compileTime(expression, compiler);
    case 'not':
      return { type: 'boolean', sql: `(NOT ${compiler.condition(expression.operand, scope)})` };
    case 'and':
    case 'or': {
      const conditions = expression.operands.map((operand) => compiler.condition(operand, scope));
      return { type: 'boolean', sql: `(${conditions.join(expression.kind === 'and' ? ' AND ' : ' OR ')})` };
    }
    case 'negative':
      return { type: 'number', sql: `(- ${compiler.value(expression.operand, 'number', scope)})` };
    case 'arithmetic':
      return compileArithmetic(expression, scope, compiler);
    case 'compare':
      return compileComparison(expression, scope, compiler);
    case 'in':
    case 'notIn':
      return compileIn(expression, scope, compiler);
    case 'occurs':
      return holds(
        compileOccurrence(expression.occurrence, compiler.value(expression.value, 'time', scope), scope, compiler),
      );
    case 'method':
      return compileMethod(expression, scope, compiler);
    case 'function':
      return compileFunction(expression, scope, compiler);
    case 'events':
      return compileEvents(expression, scope, compiler);
    case 'exists':
    case 'forall':
      return compileQuantifier(expression, scope, compiler);
    case 'chain':
      return compileChain(expression, scope, compiler);
  }
}

function compileLiteral({ value }: Literal, { target }: Compiler): Compiled {
  if (typeof value === 'boolean') return { type: 'boolean', sql: value ? 'true' : 'false' };
  const placeholder = target.parameters.add(value);
  return typeof value === 'number'
    ? { type: 'number', sql: `${placeholder}::DOUBLE` }
    : { type: 'string', sql: `${placeholder}::VARCHAR` };
}

type Of<Kind extends PqlExpression['kind']> = Extract<PqlExpression, { readonly kind: Kind }>;

const arithmetic: Readonly<Record<ArithmeticOperator, (left: string, right: string) => string>> = {
  '+': (left, right) => `(${left} + ${right})`,
  '-': (left, right) => `(${left} - ${right})`,
  '*': (left, right) => `(${left} * ${right})`,
  '/': (left, right) => `(${left} / nullif(${right}, 0))`,
  '%': (left, right) => `(${left} % nullif(${right}, 0))`,
};

/** Computes in double precision to avoid overflow. The result of a division by zero is absent. */
function compileArithmetic({ operator, left, right }: Of<'arithmetic'>, scope: Scope, compiler: Compiler): Compiled {
  const operands = [left, right].map((each) => `${compiler.value(each, 'number', scope)}::DOUBLE`);
  return { type: 'number', sql: arithmetic[operator](operands[0] ?? '', operands[1] ?? '') };
}

function compileComparison({ comparison, left, right }: Of<'compare'>, scope: Scope, compiler: Compiler): Compiled {
  const { type, sql } = compiler.compile(left, scope);
  if (type === 'boolean' && comparison !== '=' && comparison !== '!=') {
    return compiler.fail('Conditions can only be compared with = and !=', left);
  }
  return holds(`${sql} ${comparisonOperators[comparison]} ${compiler.value(right, type, scope)}`);
}

/** `notIn` is not the negation of `in`, because neither holds for an absent value. */
function compileIn({ kind, value, items }: Of<'in' | 'notIn'>, scope: Scope, compiler: Compiler): Compiled {
  const { type, sql } = compiler.compile(value, scope);
  const list = items.map((item) => {
    if (!isConstant(item)) return compiler.fail('A list can contain only values, not fields or conditions', item);
    return compiler.value(item, type, scope);
  });
  return holds(`${sql} ${kind === 'in' ? 'IN' : 'NOT IN'} (${list.join(', ')})`);
}

const isConstant = (expression: PqlExpression): boolean =>
  expression.kind === 'literal' ||
  expression.kind === 'time' ||
  (expression.kind === 'negative' && isConstant(expression.operand));
