import { describe, expect, it } from 'vitest';
import { recordedResources, recordedResponses } from '../support/recorded.ts';

describe('recorded responses', () => {
  it('exist for each resource of the platform', () => {
    expect(recordedResources).toEqual([
      'batches',
      'data-access',
      'datasets',
      'export-jobs',
      'merge-policies',
      'profiles',
      'sandboxes',
      'schedules',
      'segment-definitions',
      'segment-jobs',
      'token',
    ]);
  });

  it.each(recordedResources)('for %s have unique names, a request, a status and a body', (resource) => {
    const responses = recordedResponses(resource);
    for (const response of responses) {
      expect(response).toEqual({
        name: expect.stringMatching(/^(?:observed|documented): \S/),
        request: { method: expect.stringMatching(/^(?:GET|POST|PATCH|DELETE)$/), path: expect.stringMatching(/^\//) },
        status: expect.any(Number),
        body: response.body,
      });
      expect(response.body === null).toBe(response.status === 204);
    }
    expect(new Set(responses.map(({ name }) => name)).size).toBe(responses.length);
  });
});
