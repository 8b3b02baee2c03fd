import { type SeededMergePolicy, seededMergePolicies } from '../catalog/population.ts';
import { PlatformError, upsCodes } from '../errors.ts';
import { json, type Operation } from '../http/operation.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { credential } from '../options.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import { bulkGet } from './bulk-get.ts';
import { embeddedSandbox } from './embedded-sandbox.ts';
import { integer, invalid } from './ups-query.ts';

const defaultLimit = 20;

/** Parameters that filter a list: the dotted path of a property, compared as text. */
const filterable = [
  'schema.name',
  'default',
  'isActiveOnEdge',
  'identityGraph.type',
  'attributeMerge.type',
  'version',
] as const;

/** `GET /config/mergePolicies` */
export const listMergePolicies: Operation = async ({ query, sandbox }, { store, quirks }) => {
  const limit = integer(query, 'limit', 1) ?? defaultLimit;
  const skip = readStart(query.get('start'));
  // Spelling in the API description.
  const orderBy = query.get('orderBy') ?? query.get('orderby') ?? '';
  const policies = sorted(narrowed(await records(sandbox, store), query), orderBy);
  const page = policies.slice(skip, skip + limit);
  const more = skip + limit < policies.length;
  // Values are not percent-encoded, as in the documented sample.
  const next = more ? writeStart(skip + limit) : null;
  const href =
    next === null ? '' : `@/mergePolicies?start=${next}&orderBy=${encodeURIComponent(orderBy)}&limit=${limit}`;
  return json({
    _page: {
      totalCount: policies.length,
      pageSize: page.length,
      next: quirks.recordFields === 'observed' ? (next ?? undefined) : undefined,
    },
    children: page,
    _links: { next: { href } },
  });
};

/** `GET /config/mergePolicies/{id}` */
export const getMergePolicy: Operation = async ({ parameters, sandbox }, { store }) => {
  const id = parameters['policyId'] ?? '';
  const policy = (await records(sandbox, store)).find((each) => each['id'] === id);
  if (policy === undefined) {
    throw new PlatformError(404, upsCodes.unknownMergePolicy, `Merge policy ${id} does not exist.`);
  }
  return json(policy);
};

/** `POST /config/mergePolicies/bulk-get` */
export const bulkGetMergePolicies: Operation = (call, { store }) =>
  bulkGet(call, { code: upsCodes.unknownMergePolicy, kind: 'Merge policy' }, async (ids) => {
    const all = await records(call.sandbox, store);
    return new Map(all.map((policy) => [String(policy['id']), policy] as const).filter(([id]) => ids.includes(id)));
  });

/** The same policies exist in every sandbox. They are as old as the sandbox. */
async function records(sandbox: string, store: Pick<PlatformRecords, 'sandboxes'>): Promise<readonly JsonObject[]> {
  const embedded = await embeddedSandbox(sandbox, store);
  const created = (await store.sandboxes.find(sandbox))?.createdDate.replace(' ', 'T');
  const updateEpoch = Math.floor(Date.parse(`${created}Z`) / 1_000);
  return seededMergePolicies.map((policy) => shown(policy, embedded, updateEpoch));
}

function shown(policy: SeededMergePolicy, sandbox: JsonObject, updateEpoch: number): JsonObject {
  return {
    id: policy.id,
    name: policy.name,
    imsOrgId: credential.organization,
    sandbox,
    schema: { name: '_xdm.context.profile' },
    version: policy.version,
    identityGraph: { ...policy.identityGraph },
    attributeMerge: { ...policy.attributeMerge },
    default: policy.default,
    isActiveOnEdge: policy.isActiveOnEdge,
    updateEpoch,
  };
}

function narrowed(policies: readonly JsonObject[], query: URLSearchParams): readonly JsonObject[] {
  return policies.filter((policy) =>
    filterable.every((path) => {
      const expected = query.get(path);
      return expected === null || isSameText(at(policy, path.split('.')), expected);
    }),
  );
}

function at(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  return isJsonObject(value) ? at(value[name], rest) : undefined;
}

/** Compares as text. Clients written in Python send `True` for `true`. */
function isSameText(value: JsonValue | undefined, expected: string): boolean {
  return String(value) === (typeof value === 'boolean' ? expected.toLowerCase() : expected);
}

/** Sorts by `name`, `+name` or `-name`. A plus sign that is not percent-encoded arrives as a space. */
function sorted(policies: readonly JsonObject[], orderBy: string): readonly JsonObject[] {
  const order = orderBy === '' ? 'name' : orderBy.trim();
  if (!/^[+-]?name$/.test(order)) throw invalid('orderBy must be name, +name or -name');
  const byName = policies.toSorted((a, b) => String(a['name']).localeCompare(String(b['name']), 'en'));
  return order.startsWith('-') ? byName.toReversed() : byName;
}

const startPrefix = '+RID:~';

/** Encodes the start of a page as opaque text. */
function writeStart(row: number): string {
  return Buffer.from(`${startPrefix}${row}`).toString('base64url');
}

function readStart(start: string | null): number {
  if (start === null || start === '0') return 0;
  const text = Buffer.from(start, 'base64url').toString();
  const row = text.startsWith(startPrefix) ? text.slice(startPrefix.length) : '';
  if (!/^\d{1,9}$/.test(row)) throw invalid('start is not a value that a page returned');
  return Number(row);
}
