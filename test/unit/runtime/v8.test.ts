import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

/** Fills the old generation with objects that outlive the young one, and then with their garbage. */
const workload = `
import { getHeapStatistics } from 'node:v8';
const live = Array.from({ length: 200_000 }, (_, index) => ({ text: [index] }));
let peak = 0;
for (let index = 0; index < 2_000_000; index += 1) {
  live[index % live.length] = { text: [index] };
  if (index % 20_000 === 0) peak = Math.max(peak, getHeapStatistics().used_heap_size);
}
process.stdout.write(String(peak));
`;

/** Peak of the heap of a program, in bytes. It prints no error. */
async function peakOf(beginning: string): Promise<number> {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', beginning + workload];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  expect(errors).toBe('');
  return Number(output);
}

it('the heap has less garbage than by default', async () => {
  const module = new URL('../../../src/runtime/v8.ts', import.meta.url).href;
  const byDefault = await peakOf('');
  const configured = await peakOf(`import { configureV8 } from '${module}'; configureV8();`);
  expect(configured).toBeLessThan(0.8 * byDefault);
});
