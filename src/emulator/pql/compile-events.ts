import { identifier } from '../store/sql.ts';
import { compileOccurrence } from './compile-time.ts';
import {
  type Compiled,
  type Compiler,
  comparisonOperators,
  eventRelation,
  eventScope,
  holds,
  type Scope,
} from './compiler.ts';
import type { Chain, Events, PqlExpression } from './syntax.ts';

const aggregates = ['count', 'sum', 'average', 'min', 'max'] as const;
type Aggregate = (typeof aggregates)[number];

export const isAggregate = (name: string): name is Aggregate => (aggregates as readonly string[]).includes(name);

/** Compiles events in the position of a condition: whether there are any. */
export function compileEvents(events: Events, scope: Scope, compiler: Compiler): Compiled {
  return { type: 'boolean', sql: `(${countEvents(events, scope, compiler)} > 0)` };
}

/** @returns SQL of a number; zero when there are no events. */
function countEvents(events: Events, scope: Scope, compiler: Compiler): string {
  return count(eventCondition(events, scope, compiler), compiler);
}

const count = (condition: string, { target }: Compiler) =>
  `coalesce(${target.eventAggregate(`count(*) FILTER (WHERE ${condition})`)}, 0)`;

function eventCondition(events: Events, scope: Scope, compiler: Compiler): string {
  expectProfile(events, scope, compiler);
  return events.condition === null
    ? 'true'
    : compiler.condition(events.condition, eventScope(compiler.target, events.variable));
}

function expectProfile(expression: PqlExpression, scope: Scope, compiler: Compiler): void {
  if (scope.fields.of !== 'profile') {
    compiler.fail('xEvent cannot be used within a condition on an event', expression);
  }
}

/** `all` holds when there are no events; `exists` does not. */
export function compileQuantifier(
  { kind, events }: Extract<PqlExpression, { readonly kind: 'exists' | 'forall' }>,
  scope: Scope,
  compiler: Compiler,
): Compiled {
  if (kind === 'exists') return compileEvents(events, scope, compiler);
  const exceptions = count(`NOT ${eventCondition(events, scope, compiler)}`, compiler);
  return { type: 'boolean', sql: `(${exceptions} = 0)` };
}

/** Without events, the sum is zero, and the average, minimum and maximum are absent. */
export function compileAggregate(
  name: Aggregate,
  events: Events,
  call: Extract<PqlExpression, { readonly kind: 'method' }>,
  scope: Scope,
  compiler: Compiler,
): Compiled {
  const [of] = call.parameters;
  if (name === 'count') {
    if (of !== undefined) compiler.fail('"count" takes no parameters', call);
    return { type: 'number', sql: countEvents(events, scope, compiler) };
  }
  if (of === undefined || call.parameters.length > 1) {
    return compiler.fail(`"${name}" takes one parameter: a number of the event`, call);
  }
  const condition = eventCondition(events, scope, compiler);
  const number = `${compiler.value(of, 'number', eventScope(compiler.target, events.variable))}::DOUBLE`;
  const sql = compiler.target.eventAggregate(`${sqlAggregates[name]}(${number}) FILTER (WHERE ${condition})`);
  return { type: 'number', sql: name === 'sum' ? `coalesce(${sql}, 0)` : sql };
}

const sqlAggregates = { sum: 'sum', average: 'avg', min: 'min', max: 'max' } as const;

export function compileChain(chain: Chain, scope: Scope, compiler: Compiler): Compiled {
  expectProfile(chain, scope, compiler);
  const events = eventScope(compiler.target, chain.label);
  const conditions = [compiler.condition(chain.what, events)];
  if (chain.when !== null) {
    const timestamp = `${eventRelation}.${identifier('timestamp')}`;
    conditions.push(holds(compileOccurrence(chain.when, timestamp, events, compiler)).sql);
  }
  const number = compiler.target.parameters.add(chain.count.number);
  const comparison = comparisonOperators[chain.count.comparison];
  return { type: 'boolean', sql: `(${count(conditions.join(' AND '), compiler)} ${comparison} ${number}::BIGINT)` };
}
