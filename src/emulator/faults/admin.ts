import { PlatformError } from '../errors.ts';
import { json, type Reply } from '../http/operation.ts';
import type { JsonObject } from '../json.ts';
import { FaultScriptError } from './fault-script.ts';
import type { Faults } from './faults.ts';

/** A request at the admin door. */
export interface AdminRequest {
  readonly method: string;
  /** Address of the caller; undefined when it has gone. */
  readonly remoteAddress: string | undefined;
  /** The parsed body. */
  body(): Promise<unknown>;
}

/** Whether a path leads to the admin door instead of the platform. */
export function isFaultAdminPath(path: string): boolean {
  return path === '/__admin/faults' || path === '/__admin/faults/';
}

/**
 * `PUT`, `GET` and `DELETE /__admin/faults`: sets, shows and removes the fault script. Only callers on the same machine
 * get in; they need no credential.
 */
export async function answerFaultAdmin(request: AdminRequest, faults: Faults): Promise<Reply> {
  if (!isLoopback(request.remoteAddress))
    return refusal(403, 'The admin door is open to callers on this machine only.');
  switch (request.method) {
    case 'GET':
      return json(shown(faults));
    case 'PUT':
      return await putScript(request, faults);
    case 'DELETE':
      faults.clear();
      return { kind: 'empty', status: 204 };
    default:
      return {
        ...refusal(405, `Method ${request.method} is not allowed here.`),
        headers: { allow: 'GET, PUT, DELETE' },
      };
  }
}

async function putScript(request: AdminRequest, faults: Faults): Promise<Reply> {
  try {
    faults.replace(await request.body());
    return json(shown(faults));
  } catch (error) {
    if (error instanceof FaultScriptError) return refusal(400, error.message);
    if (error instanceof PlatformError) return refusal(error.status, error.message);
    throw error;
  }
}

/** The script with its defaults and, for each rule, how many requests it has hit. */
function shown({ script, hits }: Faults): JsonObject {
  if (script === null) return { seed: null, rules: [] };
  return { seed: script.seed, rules: script.rules.map((rule, index) => ({ ...rule, hits: hits[index] ?? 0 })) };
}

function refusal(status: number, message: string): Extract<Reply, { kind: 'json' }> {
  return { kind: 'json', status, body: { status, message } };
}

/** Whether an address is one of this machine's own, also when IPv4 is written as IPv6. */
export function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address ?? '');
}
