import { FaultScriptError } from '../faults/fault-script.ts';
import type { Faults } from '../faults/faults.ts';
import { json, type Reply } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import { type AdminEndpoint, AdminError, type AdminRequest } from './endpoint.ts';

/** Sets, shows and removes the fault script. */
export function faultsEndpoint(faults: Faults): AdminEndpoint {
  return {
    path: '/faults',
    summary: 'PUT activates a fault script, DELETE removes it',
    methods: {
      GET: () => json(shown(faults)),
      PUT: (request) => putScript(request, faults),
      DELETE: () => {
        faults.clear();
        return { kind: 'empty', status: 204 };
      },
    },
  };
}

async function putScript(request: AdminRequest, faults: Faults): Promise<Reply> {
  try {
    faults.replace(await request.body());
    return json(shown(faults));
  } catch (error) {
    throw error instanceof FaultScriptError ? new AdminError(400, error.message) : error;
  }
}

/** The script with its defaults and the number of requests that each rule has hit. */
function shown({ script, hits }: Faults): JsonObject {
  if (script === null) return { seed: null, rules: [] };
  return { seed: script.seed, rules: script.rules.map((rule, index) => ({ ...rule, hits: hits[index] ?? 0 })) };
}
