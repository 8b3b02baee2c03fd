import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/metrics/index.ts';

/** All metrics, with at least one time series of each that a report creates. */
async function rendered(): Promise<string> {
  const metrics = createMetrics({ version: '1.2.3' });
  metrics.watchConnections(() => ({ open: new Map(), waitingBytes: 2 }));
  metrics.watchRedis(() => 'ready');
  metrics.platform.callEnded({ service: 'export', method: 'GET', status: 200, seconds: 0.1 });
  metrics.platform.budgetWaited({ priority: 'poll', seconds: 1, granted: true });
  metrics.subscriptions.opened();
  metrics.subscriptions.closed('completed');
  return (await metrics.render()).body;
}

const units = ['seconds', 'bytes', 'info', 'total', 'ratio'];
/** Units that are not base units. The base unit is used instead. */
const otherUnits = ['milliseconds', 'ms', 'minutes', 'hours', 'days', 'kilobytes', 'megabytes', 'percent'];

interface Declared {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

function declaredIn(body: string): readonly Declared[] {
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  return [...body.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => ({
    name,
    help,
    type: types.get(name) ?? 'none',
  }));
}

/** The rules of `promtool check metrics`, which this test applies without it. */
function problemsOf({ name, type, help }: Declared): readonly string[] {
  const words = name.split('_');
  const isNative = !name.startsWith('aep_');
  return [
    ...(help.trim() === '' ? ['has no help'] : []),
    ...(type === 'counter' && !name.endsWith('_total') ? ['is a counter and has no suffix _total'] : []),
    ...(type !== 'counter' && name.endsWith('_total') ? ['has the suffix _total and is no counter'] : []),
    ...(/_(?:count|sum|bucket)$/.test(name) ? ['has a suffix of histograms'] : []),
    ...(words.some((word) => otherUnits.includes(word)) ? ['has a unit that is no base unit'] : []),
    ...(words.includes(type) ? ['contains its type'] : []),
    ...(/[A-Z]/.test(name) ? ['is in camel case'] : []),
    ...(isNative || !words.some((word) => units.includes(word)) || units.some((unit) => name.endsWith(`_${unit}`))
      ? []
      : ['has a unit that is not at its end']),
  ];
}

describe('the metrics', () => {
  it('follow the conventions of Prometheus', async () => {
    const declared = declaredIn(await rendered());
    expect(declared.length).toBeGreaterThan(60);
    expect(declared.flatMap((each) => problemsOf(each).map((problem) => `${each.name} ${problem}`))).toEqual([]);
  });

  const promtool = spawnSync('promtool', ['--version']);
  it.skipIf(promtool.error !== undefined)('pass promtool', async () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: await rendered(), encoding: 'utf8' });
    expect(`${checked.stdout}${checked.stderr}`).toBe('');
    expect(checked.status).toBe(0);
  });

  it('contain the versions of the gateway and of Node', async () => {
    expect(await rendered()).toContain(`aep_build_info{version="1.2.3",node="${process.versions.node}"} 1\n`);
  });

  it('show whether Redis is connected', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    let state: 'ready' | 'away' | 'rejecting' = 'ready';
    metrics.watchRedis(() => state);
    const connected = async () => /^aep_redis_connected (\d)$/m.exec((await metrics.render()).body)?.[1];
    expect(await connected()).toBe('1');
    state = 'rejecting';
    expect(await connected()).toBe('0');
    state = 'away';
    expect(await connected()).toBe('0');
  });
});
