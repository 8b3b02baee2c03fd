import { describe, expect, it } from 'vitest';
import { Lifecycle } from '../../../src/runtime/lifecycle.ts';

describe('a lifecycle', () => {
  it('closes in reverse order, one after another', async () => {
    const closed: string[] = [];
    const lifecycle = new Lifecycle();
    for (const name of ['first', 'second', 'third']) {
      lifecycle.add(name, async () => {
        closed.push(`${name} begins`);
        await Promise.resolve();
        closed.push(`${name} ends`);
      });
    }
    await lifecycle.close();
    expect(closed).toEqual(['third', 'second', 'first'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  it('closes all resources although some fail, and names those', async () => {
    const closed: string[] = [];
    const lifecycle = new Lifecycle();
    const refused = new Error('refused');
    lifecycle.add('first', () => void closed.push('first'));
    lifecycle.add('thrower', () => {
      throw refused;
    });
    lifecycle.add('second', () => void closed.push('second'));
    lifecycle.add('rejecter', () => Promise.reject(new Error('broken')));
    const failure: unknown = await lifecycle.close().catch((error: unknown) => error);
    expect(closed).toEqual(['second', 'first']);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(failure).toMatchObject({
      errors: [{ message: 'could not close: rejecter' }, { message: 'could not close: thrower', cause: refused }],
    });
  });

  it('reports a single resource that cannot be closed', async () => {
    const lifecycle = new Lifecycle();
    lifecycle.add('good', () => {});
    lifecycle.add('bad', () => Promise.reject(new Error('broken')));
    await expect(lifecycle.close()).rejects.toMatchObject({ errors: [{ message: 'could not close: bad' }] });
    await expect(lifecycle[Symbol.asyncDispose]()).rejects.toThrow('Some resources could not be closed.');
  });

  it('closes once, and later calls wait for the same end', async () => {
    let count = 0;
    let finish: () => void = () => {};
    const lifecycle = new Lifecycle();
    lifecycle.add('slow', () => {
      count += 1;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    const [first, second] = [lifecycle.close(), lifecycle[Symbol.asyncDispose]()];
    expect(second).toBe(first);
    finish();
    await second;
    await lifecycle.close();
    expect(count).toBe(1);
  });

  it('closes without resources', async () => {
    await using _lifecycle = new Lifecycle();
  });
});
