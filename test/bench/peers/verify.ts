import { deepStrictEqual } from 'node:assert/strict';
import type { Contender } from './contenders.ts';
import { headersOf } from './load.ts';
import { bodyOf, type Scenario } from './scenarios.ts';

/**
 * Compares every server with the first one: the same data, from the same calls to the platform.
 * @throws {Error} when they differ
 */
export async function verify(
  contenders: readonly Contender[],
  scenarios: readonly Scenario[],
  platformUrl: string,
): Promise<void> {
  for (const scenario of scenarios) {
    const [first, ...others] = contenders.filter(({ offers }) => offers(scenario));
    if (first === undefined) continue;
    const expected = await observe(first, scenario, platformUrl);
    for (const contender of others) {
      const message = `${contender.label} does not do the same as ${first.label}: ${scenario.title}`;
      const actual = await observe(contender, scenario, platformUrl);
      try {
        deepStrictEqual(actual, expected);
      } catch (cause) {
        throw new Error(message, { cause });
      }
    }
  }
}

interface Body {
  readonly data?: unknown;
  readonly errors?: readonly unknown[];
}

async function observe({ label, running }: Contender, scenario: Scenario, platformUrl: string) {
  await callsOf(platformUrl);
  const response = await fetch(running.url, { method: 'POST', headers: headersOf(0), body: bodyOf(scenario) });
  const text = await response.text();
  // `observedAt` differs between servers and is ignored.
  const { data, errors } = JSON.parse(text, (key, value) => (key === 'observedAt' ? '' : value)) as Body;
  const refused = errors !== undefined && errors.length > 0 && (data ?? null) === null;
  if (refused !== scenario.rejected) {
    throw new Error(`${label}: ${scenario.title}: ${response.status} ${text.slice(0, 500)}`);
  }
  return { data: data ?? null, calls: await callsOf(platformUrl) };
}

/**
 * Calls since the last check, without the properties requested from Catalog, because the static upstream always sends
 * all.
 */
async function callsOf(platformUrl: string): Promise<readonly string[]> {
  const response = await fetch(`${platformUrl}/calls`);
  const calls = (await response.json()) as readonly string[];
  return calls.map((call) => decodeURIComponent(call.replace(/&properties=[^&]*/, '')));
}
