import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv, type AnySchemaObject } from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

/**
 * Directory of the published API descriptions: next to the repository, or `AEP_OPENAPI_DIR`. They are not part of the
 * repository.
 */
export const openApiDirectory =
  process.env['AEP_OPENAPI_DIR'] ?? resolve(import.meta.dirname, '../../../shared/upstream/openapi');

export const openApiAvailable = existsSync(openApiDirectory);

/** A response, and its location in the API description. */
export interface ObservedResponse {
  /** File name without `.yaml`. */
  readonly api: string;
  readonly method: string;
  /** Path as in the description, with its placeholders. */
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

/**
 * Differences between a response and its description, one per line: `undocumented status`, `{pointer} {problem}` or
 * `{pointer} is undocumented`. Items of a list and keys of a map are written `*`. Empty when the response agrees.
 */
export function deviations({ api, method, path, status, body }: ObservedResponse): readonly string[] {
  const description = load(api);
  const operation = at(description, ['paths', path, method.toLowerCase()]);
  if (operation === undefined) return ['undocumented operation'];
  const response = resolveRef(description, at(operation, ['responses', String(status)]));
  if (response === undefined) return [`undocumented status ${status}`];
  const schema = at(response, ['content', 'application/json', 'schema']);
  // Nearly all errors are documented without content.
  if (schema === undefined) return [];
  return [
    ...new Set([...violations(description, schema, body), ...undocumented(description, schema, body, '')]),
  ].sort();
}

/** Base path of each API on the platform. */
const basePaths = {
  segmentation: '/data/core/ups',
  profile: '/data/core',
  catalog: '/data/foundation/catalog',
  'data-access': '/data/foundation/export',
  sandbox: '/data/foundation',
} as const;

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'];

/** All operations of the API descriptions, with their complete paths. */
export function documentedOperations(): readonly { readonly method: string; readonly path: string }[] {
  return Object.entries(basePaths).flatMap(([api, base]) =>
    Object.entries(at(load(api), ['paths']) ?? {}).flatMap(([path, item]) =>
      Object.keys(Object(item))
        .filter((name) => methods.includes(name))
        .map((name) => ({ method: name.toUpperCase(), path: `${base}${path}` })),
    ),
  );
}

const descriptions = new Map<string, AnySchemaObject>();

function load(api: string): AnySchemaObject {
  const known = descriptions.get(api);
  if (known) return known;
  const description: AnySchemaObject = parse(readFileSync(resolve(openApiDirectory, `${api}.yaml`), 'utf8'));
  descriptions.set(api, description);
  return description;
}

function violations(description: AnySchemaObject, schema: AnySchemaObject, body: unknown): string[] {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile({ ...schema, components: description['components'] });
  validate(body);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${generic(instancePath)} ${message}`);
}

/** Replaces list indices and map keys (ids) by `*`. */
function generic(pointer: string): string {
  return pointer.replaceAll(/\/(\d+|[0-9a-f]{24,32})(?=\/|$)/g, '/*');
}

/** Members that a description with properties does not name. A description without properties allows all members. */
function undocumented(
  description: AnySchemaObject,
  schema: AnySchemaObject,
  value: unknown,
  pointer: string,
): string[] {
  const resolved = resolveRef(description, schema) ?? {};
  if (Array.isArray(value)) {
    const items = at(resolved, ['items']);
    return items === undefined ? [] : value.flatMap((item) => undocumented(description, items, item, `${pointer}/*`));
  }
  if (typeof value !== 'object' || value === null) return [];
  const properties = at(resolved, ['properties']);
  const additional = at(resolved, ['additionalProperties']);
  return Object.entries(value).flatMap(([name, inner]) => {
    const property = properties === undefined ? undefined : at(properties, [name]);
    if (property !== undefined) return undocumented(description, property, inner, `${pointer}/${name}`);
    if (additional !== undefined) return undocumented(description, additional, inner, `${pointer}/*`);
    return properties === undefined || Object.keys(properties).length === 0
      ? []
      : [`${pointer}/${name} is undocumented`];
  });
}

function resolveRef(description: AnySchemaObject, node: AnySchemaObject | undefined): AnySchemaObject | undefined {
  const reference: unknown = node?.['$ref'];
  if (typeof reference !== 'string') return node;
  return resolveRef(description, at(description, reference.replace(/^#\//, '').split('/')));
}

function at(node: AnySchemaObject, keys: readonly string[]): AnySchemaObject | undefined {
  let current: unknown = node;
  for (const key of keys) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Object.entries(current).find(([name]) => name === key)?.[1];
  }
  return typeof current === 'object' && current !== null ? current : undefined;
}
