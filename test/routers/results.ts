import { readFileSync, writeFileSync } from 'node:fs';

/** Result of one case over one transport. A case without a transport has the name `queries`. */
export type CaseResult = 'works' | 'fails';

/** Results of the runs behind one router. */
export interface RouterResults {
  readonly router: string;
  readonly version: string;
  /** Date of the last run. */
  readonly date: string;
  /** Results by the name of the case and of the transport. */
  readonly cases: Readonly<Record<string, Readonly<Record<string, CaseResult>>>>;
}

const file = new URL('results.json', import.meta.url);

export function readResults(): readonly RouterResults[] {
  // The file is written by `writeResults` alone.
  return JSON.parse(readFileSync(file, 'utf8')) as readonly RouterResults[];
}

/** Replaces the results of these cases. Results of other routers stay, and those of other cases with the same version. */
export function writeResults(results: readonly RouterResults[]): void {
  const known = new Map(readResults().map((each) => [each.router, each]));
  for (const each of results) {
    const before = known.get(each.router);
    const cases = before?.version === each.version ? merged(before.cases, each.cases) : each.cases;
    known.set(each.router, { ...each, cases });
  }
  const sorted = [...known.values()].toSorted((one, other) => one.router.localeCompare(other.router, 'en'));
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
}

type Cases = RouterResults['cases'];

const merged = (before: Cases, after: Cases): Cases => ({
  ...before,
  ...Object.fromEntries(Object.entries(after).map(([name, each]) => [name, { ...before[name], ...each }])),
});

/** Rows of the table of routers: one row for each case, one column for each router. */
export function routersTable(): readonly string[] {
  const all = readResults();
  const cases = [...new Set(all.flatMap((each) => Object.keys(each.cases)))];
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(['Case', ...all.map(({ router }) => router)]),
    `|${'---|'.repeat(all.length + 1)}`,
    row(['Version', ...all.map(({ version }) => version)]),
    row(['Last run', ...all.map(({ date }) => date)]),
    ...cases.map((name) => row([name, ...all.map((each) => cellOf(each.cases[name] ?? {}))])),
  ];
}

function cellOf(results: Cases[string]): string {
  const entries = Object.entries(results);
  const works = entries.flatMap(([transport, result]) => (result === 'works' ? [transport] : []));
  if (entries.length === 0) return '–';
  if (works.length === 0) return 'no';
  return works.join() === 'queries' ? 'yes' : works.join(', ');
}
