import type { AdminEndpoint } from './endpoint.ts';

/** Resets the emulator to the state after its start. */
export function resetEndpoint(reset: () => Promise<void>): AdminEndpoint {
  return {
    path: '/reset',
    summary: 'POST restores the state of the start',
    methods: {
      POST: async () => {
        await reset();
        return { kind: 'empty', status: 204 };
      },
    },
  };
}
