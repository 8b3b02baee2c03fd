import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { type CaseResult, type RouterResults, writeResults } from './results.ts';

/** Writes the results of all cases that ran. `npm run codegen` makes the table of them. */
export class ResultsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    writeResults(modules.flatMap((module) => [...module.children.suites()].flatMap(resultsOf)));
  }
}

type Suite = ReturnType<TestModule['children']['suites']> extends Iterable<infer Each> ? Each : never;

/** @param suite all cases of one router, with its name and version as the name */
function resultsOf({ name, children }: Suite): readonly RouterResults[] {
  const tests = [...children.allTests()].filter((test) => test.result().state !== 'skipped');
  if (tests.length === 0) return [];
  const [, router = name, version = ''] = /^(.+) (\S+)$/.exec(name) ?? [];
  const cases: Record<string, Record<string, CaseResult>> = {};
  for (const test of tests) {
    const transport = test.parent.type === 'suite' ? test.parent.name : '';
    cases[test.name] = { ...cases[test.name], [transport]: resultOf(test) };
  }
  return [{ router, version, date: new Date().toISOString().slice(0, 10), cases }];
}

/** A case that must fail passes as a test when it fails. */
const resultOf = (test: TestCase): CaseResult =>
  test.result().state === 'passed' && test.options.fails !== true ? 'works' : 'fails';
