import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { badRequest } from './catalog-errors.ts';

const pointer = z.string().regex(/^(\/.*)?$/s, 'must be a JSON pointer');

const patchBody = z.array(
  z.discriminatedUnion('op', [
    z.object({ op: z.enum(['add', 'replace', 'test']), path: pointer, value: z.json() }),
    z.object({ op: z.literal('remove'), path: pointer }),
    z.object({ op: z.enum(['move', 'copy']), path: pointer, from: pointer }),
  ]),
);

/**
 * Applies a JSON Patch (RFC 6902).
 * @throws {PlatformError} 400 when the patch is malformed, a path does not exist, or a test fails
 */
export function applyJsonPatch(document: JsonObject, body: unknown): JsonObject {
  const parsed = patchBody.safeParse(body);
  if (!parsed.success) throw badRequest('The body is not a JSON Patch document.');
  let result: JsonValue = document;
  for (const step of parsed.data) {
    const path = tokensOf(step.path);
    switch (step.op) {
      case 'add':
      case 'replace':
        if (step.op === 'replace') read(result, path);
        result = write(result, path, step.value, step.op);
        break;
      case 'remove':
        read(result, path);
        result = remove(result, path);
        break;
      case 'move': {
        const from = tokensOf(step.from);
        const value = read(result, from);
        result = write(remove(result, from), path, value, 'add');
        break;
      }
      case 'copy':
        result = write(result, path, read(result, tokensOf(step.from)), 'add');
        break;
      case 'test':
        if (!isDeepStrictEqual(read(result, path), step.value)) throw badRequest(`The test of ${step.path} failed.`);
        break;
    }
  }
  if (!isJsonObject(result)) throw badRequest('The patch does not leave an object.');
  return result;
}

function tokensOf(path: string): readonly string[] {
  if (path === '') return [];
  return path
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(value: JsonValue, path: readonly string[]): JsonValue {
  const [token, ...rest] = path;
  if (token === undefined) return value;
  const inner = member(value, token);
  if (inner === undefined) throw badRequest(`There is nothing at ${token}.`);
  return read(inner, rest);
}

function member(value: JsonValue, token: string): JsonValue | undefined {
  if (isList(value)) return /^\d+$/.test(token) ? value[Number(token)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
}

function write(value: JsonValue, path: readonly string[], written: JsonValue, op: 'add' | 'replace'): JsonValue {
  const [token, ...rest] = path;
  if (token === undefined) return written;
  if (rest.length > 0) return withMember(value, token, write(read(value, [token]), rest, written, op));
  if (!isList(value) || op === 'replace') return withMember(value, token, written);
  const index = token === '-' ? value.length : Number(token);
  if (!Number.isInteger(index) || index < 0 || index > value.length) throw badRequest(`There is no place ${token}.`);
  return value.toSpliced(index, 0, written);
}

function remove(value: JsonValue, path: readonly string[]): JsonValue {
  const [token, ...rest] = path;
  if (token === undefined) throw badRequest('The whole document cannot be removed.');
  if (rest.length > 0) return withMember(value, token, remove(read(value, [token]), rest));
  if (isList(value)) return value.toSpliced(Number(token), 1);
  if (!isJsonObject(value)) throw badRequest(`There is nothing at ${token}.`);
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== token));
}

function withMember(value: JsonValue, token: string, inner: JsonValue): JsonValue {
  if (isList(value)) return value.with(Number(token), inner);
  if (!isJsonObject(value)) throw badRequest(`There is nothing at ${token}.`);
  // Built from entries instead of a spread, because a member may be named `__proto__`.
  return Object.fromEntries([...Object.entries(value).filter(([name]) => name !== token), [token, inner]]);
}

// Array.isArray does not narrow to a readonly array.
function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
