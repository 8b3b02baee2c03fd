import type { AdminEndpoint } from './endpoint.ts';

/** Brings the emulator back to the state after its start. */
export function resetEndpoint(reset: () => Promise<void>): AdminEndpoint {
  return {
    path: '/reset',
    summary: 'POST brings back the state after the start',
    methods: {
      POST: async () => {
        await reset();
        return { kind: 'empty', status: 204 };
      },
    },
  };
}
