import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, type Client, cases } from './clients.ts';
import type { Outcome } from './examine.ts';

const page = join(import.meta.dirname, '../../docs/clients.md');
const place = /(<!-- clients:begin[^>]*-->\n)([\s\S]*?)(<!-- clients:end -->)/;
const header = [
  '| Client | Version | Query | Mutation | Subscription | Download | Date |',
  '|---|---|---|---|---|---|---|',
];

/** What is known of a client after a run. */
export interface Examined {
  readonly client: Client;
  readonly version: string;
  /** The reason if it is not available. */
  readonly outcome: Outcome | string;
}

/**
 * Writes the rows of these clients into the documentation. A client that was not run keeps its row, with the date of
 * its last run.
 */
export function writeTable(order: readonly string[], examined: readonly Examined[], date: string): void {
  const text = readFileSync(page, 'utf8');
  const [, , table = ''] = place.exec(text) ?? [];
  const rows = new Map(table.split('\n').map((row) => [row.split('|')[1]?.trim(), row]));
  for (const { client, version, outcome } of examined) {
    const { name } = client;
    if (typeof outcome !== 'string') rows.set(name, rowOf(client, version, outcome, date));
  }
  const written = order.flatMap((name) => rows.get(name) ?? []);
  writeFileSync(
    page,
    text.replace(place, (_, begin, __, end) => `${begin}${[...header, ...written].join('\n')}\n${end}`),
  );
}

function rowOf({ name, transports }: Client, version: string, outcome: Outcome, date: string): string {
  const cell = (name: Case) => (outcome[name] === null ? transports[name] : 'fails');
  return `| ${[name, version, ...cases.map(cell), date].join(' | ')} |`;
}
