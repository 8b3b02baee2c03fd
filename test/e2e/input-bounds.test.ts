import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ArgumentLeaf, argumentLeaves } from '../support/argument-leaves.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { sendOver } from '../support/operation-transports.ts';
import { startPlatform } from '../support/platform.ts';
import { printedSchema } from '../support/sdl.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let gateway: Gateway;

beforeAll(async () => {
  platform = await startPlatform();
  // The limit of platform calls would reject a long list of ids first.
  gateway = await startGateway({ platform, clock: new FakeClock(), env: { MAX_OPERATION_CALLS: '1000000' } });
});
afterAll(async () => {
  await gateway.close();
  await platform.close();
});
beforeEach(() => platform.clearRequests());
// Arguments are checked before any platform call.
afterEach(() => expect(platform.requests).toEqual([]));

/** Maximum number of characters of an error response to any request of at most 1 MB. */
const maxResponse = 64 * 1024;

const leaves = argumentLeaves(printedSchema());
const named = (kind: ArgumentLeaf['kind']) =>
  leaves.filter((leaf) => leaf.kind === kind).map((leaf) => [`${leaf.field}(${leaf.path.join('.')})`, leaf] as const);

async function answerTo({ operation, document, variables }: ArgumentLeaf, value: unknown) {
  if (operation === 'subscription') {
    return (await sendOver('SSE', gateway, { query: document, variables: variables(value) })).text;
  }
  const query = operation === 'query' ? document : document.replace('__typename', inputError);
  const { text } = await gateway.send(query, variables(value));
  return text;
}
const inputError = '__typename ... on InvalidInputError { code message issues { path message } }';

const issueAt = (path: ArgumentLeaf['path']) => `"path":"${path.join('.')}`;

describe('every list in an argument', () => {
  it('is found', () => {
    expect(named('list').length).toBeGreaterThan(15);
  });

  it.each(named('list'))('has a maximum below 2,000 entries: %s', async (_, leaf) => {
    const text = await answerTo(
      leaf,
      Array.from({ length: 2_000 }, () => leaf.entry),
    );
    expect(text).toContain('INVALID_INPUT');
    expect(text).toContain(`${issueAt(leaf.path)}"`);
    expect(text).toMatch(/must have at most [\d,]+ entries/);
    expect(text.length).toBeLessThan(2_000);
  });

  it.each(named('list'))('is rejected as a whole if it fills the request: %s', async (_, leaf) => {
    const count = Math.floor(900_000 / (JSON.stringify(leaf.entry).length + 1));
    const text = await answerTo(
      leaf,
      Array.from({ length: count }, () => leaf.entry),
    );
    expect(text).toContain('INVALID_INPUT');
    expect(text).toContain(`${issueAt(leaf.path)}"`);
    expect(text.length).toBeLessThan(2_000);
  });
});

describe('every text in an argument', () => {
  it('is found', () => {
    expect(named('text').length).toBeGreaterThan(50);
  });

  it.each(named('text'))('has a maximum below 9,000 characters: %s', async (_, leaf) => {
    const text = await answerTo(leaf, 'x'.repeat(9_000));
    expect(text).toContain('INVALID_INPUT');
    expect(text).toContain(issueAt(leaf.path));
    expect(text).not.toContain('x'.repeat(250));
    expect(text.length).toBeLessThan(4_000);
  });
});

describe('a list of invalid entries', () => {
  const profile =
    'query ($fields: [String!]) { profile(identity: { namespace: "Email", value: "a" }, fields: $fields) { entityId } }';

  it('reports the first twenty, and the number of the others', async () => {
    const { errors, text } = await gateway.send(profile, { fields: Array.from({ length: 1_000 }, () => '') });
    expect(errors[0]?.message).toMatch(/^fields\.0: .*fields\.19: [^;]*; and 980 more/);
    expect(errors[0]?.extensions?.['issues']).toHaveLength(20);
    expect(text.length).toBeLessThan(10_000);
  });

  it('keeps the path of each entry', async () => {
    const { errors } = await gateway.send(profile, { fields: ['a', 'b c', 'd', ''] });
    expect(errors[0]?.extensions?.['issues']).toMatchObject([{ path: 'fields.1' }, { path: 'fields.3' }]);
  });
});

describe('variables that no type accepts', () => {
  const jobs = 'query ($filter: ExportJobFilter) { exportJobs(filter: $filter) { nodes { id } } }';
  const members = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`member${index}`, value]));
  const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);

  it.each([
    ['an object with 50,000 unknown members', { filter: members(50_000, 1) }],
    ['50,000 undeclared variables', members(50_000, 1)],
    ['a member with a name of 900,000 characters', { filter: { ['x'.repeat(900_000)]: 1 } }],
    ['a text of 900,000 characters where an object is expected', { filter: 'x'.repeat(900_000) }],
    ['a status of 900,000 characters', { filter: { statuses: ['x'.repeat(900_000)] } }],
    ['100,000 unknown statuses', { filter: { statuses: Array.from({ length: 100_000 }, () => 'NOPE') } }],
    ['1,000 unknown statuses', { filter: { statuses: Array.from({ length: 1_000 }, () => 'NOPE') } }],
    ['lists nested 1,000 levels deep', { filter: nested(1_000) }],
    [
      '20 lists of 2,000 objects',
      {
        filter: members(
          20,
          Array.from({ length: 2_000 }, () => ({ a: 1 })),
        ),
      },
    ],
  ])('cause a short response: %s', async (_, variables) => {
    const { data, errors, text } = await gateway.send(jobs, variables);
    expect(data).toBeNull();
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThan(10);
    expect(text.length).toBeLessThan(maxResponse);
  });
});

describe('an invalid document', () => {
  const long = 'x'.repeat(900_000);
  const aliases = (field: string) =>
    `{ ${Array.from({ length: 100 }, (_, index) => `a${index}: ${field}`).join(' ')} }`;
  const invalid = Array.from({ length: 40 }, () => '"b c"').join(' ');

  it.each([
    ['with an unknown field of 900,000 characters', `{ ${long} }`],
    ['with an alias of 900,000 characters', `{ ${long}: exportJobs(first: 0) { nodes { id } } }`],
    ['with an unknown argument of 900,000 characters', `{ exportJobs(${long}: 1) { nodes { id } } }`],
    ['with a fragment of 900,000 characters', `{ ...${long} }`],
    ['with a type of 900,000 characters', `query ($a: ${long}) { viewer { canWrite } }`],
    ['with an enum value of 900,000 characters', `{ exportJobs(filter: { statuses: [${long}] }) { nodes { id } } }`],
    ['with a text of 900,000 characters for a number', `{ exportJobs(first: "${long}") { nodes { id } } }`],
    [
      'with a text of 900,000 characters for a time',
      `{ exportJobs(filter: { createdAfter: "${long}" }) { nodes { id } } }`,
    ],
    ['with a text of 900,000 characters for an id', `{ exportJob(id: "${long}") { id } }`],
    ['with a number of 900,000 digits', `{ exportJobs(first: ${'1'.repeat(900_000)}) { nodes { id } } }`],
    ['with 4,000 unknown fields', `{ ${Array.from({ length: 4_000 }, (_, index) => `f${index}`).join(' ')} }`],
    [
      'with a field in 1,000 conflicts',
      `{ ${'exportJobs(first: 1) { nodes { id } } exportJobs(first: 2) { nodes { id } } '.repeat(200)} }`,
    ],
    [
      'with a hundred invalid fields',
      aliases(`profile(identity: { namespace: "", value: "" }, fields: [${invalid}]) { entityId }`),
    ],
    ['that is no GraphQL', long],
    ['that is a text without an end', `{ exportJob(id: "${long}`],
  ])('causes an error response below 64 KiB: %s', async (_, query) => {
    const { errors, text } = await gateway.send(query);
    expect(errors.length).toBeGreaterThan(0);
    expect(Buffer.byteLength(text)).toBeLessThan(maxResponse);
    for (const { message, extensions } of errors) {
      expect(message).not.toContain('x'.repeat(250));
      expect(extensions).toMatchObject({ code: expect.stringMatching(/./), retryable: false });
    }
  });
});
