import { describe, expect, it } from 'vitest';
import { platformId } from '../../../../src/domain/ids.ts';
import { InvalidInputError } from '../../../../src/errors.ts';
import { withSingleFlight } from '../../../../src/upstream/http/layers/single-flight.ts';
import { withOperationCalls } from '../../../../src/upstream/http/operation-calls.ts';
import { createOperationCalls } from '../../../../src/upstream/index.ts';
import { newExportJob } from '../fixtures.ts';
import { failedWith, readRequest, settled } from '../layers.ts';
import { clientCredential, connectTo, MetricsRecorder, type Respond, sendJson, startStub } from '../platform-stub.ts';

const job = { id: 7, status: 'NEW', jobType: 'BATCH', creationTime: 1, updateTime: 1, destination: { datasetId: 'd' } };
const good: Respond = (_request, response) => sendJson(response, 200, job);
const id = platformId<never>('7');

describe('the calls of one operation', () => {
  it('are sent up to the limit, and the next one fails unsent with INVALID_INPUT, which names the limit', async () => {
    await using stub = await startStub(good);
    await using client = connectTo(stub.url, { calls: createOperationCalls(2) });
    await client.api.exportJobs.get(id);
    await client.api.exportJobs.create(newExportJob);
    for (const third of [() => client.api.exportJobs.get(id), () => client.api.exportJobs.create(newExportJob)]) {
      await expect(third()).rejects.toMatchObject({
        constructor: InvalidInputError,
        issues: [{ path: 'query', message: expect.stringMatching(/\b2\b.*MAX_OPERATION_CALLS/) }],
      });
    }
    expect(stub.requests).toHaveLength(2);
  });

  it('include the retries of a read', async () => {
    await using stub = await startStub((_request, response) => sendJson(response, 503, {}));
    await using client = connectTo(stub.url, { calls: createOperationCalls(3), maxAttempts: 4, random: () => 0 });
    const failure = client.api.exportJobs.get(id);
    await expect(client.clock.runUntil(failure)).rejects.toBeInstanceOf(InvalidInputError);
    expect(stub.requests).toHaveLength(3);
  });

  it('include the retry with a renewed token, and not the requests for tokens', async () => {
    let issued = 0;
    await using ims = await startStub((_request, response) => {
      issued += 1;
      sendJson(response, 200, { access_token: `token-${issued}`, expires_in: 86_399 });
    });
    await using stub = await startStub(({ headers }, response) =>
      headers.authorization === 'Bearer token-1' ? sendJson(response, 401, {}) : sendJson(response, 200, job),
    );
    await using credential = clientCredential(ims.url);
    await using client = connectTo(stub.url, { calls: createOperationCalls(2), credential });
    expect(await client.api.exportJobs.get(id)).toMatchObject({ id: '7' });
    await expect(client.api.exportJobs.get(id)).rejects.toBeInstanceOf(InvalidInputError);
    expect(stub.requests).toHaveLength(2);
    expect(ims.requests).toHaveLength(2);
  });

  it('are not counted without a counter', async () => {
    await using stub = await startStub(good);
    await using client = connectTo(stub.url, { calls: createOperationCalls(0) });
    await expect(client.api.exportJobs.get(id)).rejects.toBeInstanceOf(InvalidInputError);
    expect(await client.poll.exportJobs.get(id)).toMatchObject({ id: '7' });
  });
});

describe('a call that several operations share', () => {
  /** Calls that end when the test releases them, below the layers that share and count. */
  function harness() {
    const attempts: { resolve(value: string): void; reject(error: Error): void }[] = [];
    const count = withOperationCalls(
      () => new Promise<string>((resolve, reject) => void attempts.push({ resolve, reject })),
    );
    /** Sent again once after a failure, as by the layer that repeats reads. */
    const send = withSingleFlight({ metrics: new MetricsRecorder() })((request) =>
      count(request).then(undefined, () => count(request)),
    );
    return { attempts, send };
  }

  it('counts once for each operation, whatever number of its reads wait', async () => {
    const { attempts, send } = harness();
    const [one, other] = [createOperationCalls(1), createOperationCalls(1)];
    const reads = [one, one, other, other].map((calls) => send(readRequest({ calls })));
    await settled();
    attempts[0]?.resolve('response');
    expect(await Promise.all(reads)).toEqual(['response', 'response', 'response', 'response']);
    expect(attempts).toHaveLength(1);
    expect(() => one.count()).toThrow(InvalidInputError);
    expect(() => other.count()).toThrow(InvalidInputError);
  });

  it('is not joined by an operation at its limit', async () => {
    const { attempts, send } = harness();
    const first = send(readRequest({ calls: createOperationCalls(1) }));
    await expect(send(readRequest({ calls: createOperationCalls(0) }))).rejects.toBeInstanceOf(InvalidInputError);
    attempts[0]?.resolve('response');
    expect(await first).toBe('response');
  });

  it('is repeated for operations below their limit, while an operation at its limit leaves', async () => {
    const { attempts, send } = harness();
    const poor = send(readRequest({ calls: createOperationCalls(1) })).catch((error: unknown) => error);
    const rich = send(readRequest({ calls: createOperationCalls(2) }));
    // Of no operation, so that nothing limits its calls.
    const free = send(readRequest());
    attempts[0]?.reject(failedWith(503));
    expect(await poor).toBeInstanceOf(InvalidInputError);
    attempts[1]?.resolve('response');
    expect(await Promise.all([rich, free])).toEqual(['response', 'response']);
  });

  it('is not repeated when every operation is at its limit', async () => {
    const { attempts, send } = harness();
    const reads = [1, 1].map((max) => send(readRequest({ calls: createOperationCalls(max) })));
    const failures = Promise.allSettled(reads);
    attempts[0]?.reject(failedWith(503));
    expect((await failures).map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([
      expect.any(InvalidInputError),
      expect.any(InvalidInputError),
    ]);
    expect(attempts).toHaveLength(1);
  });
});
