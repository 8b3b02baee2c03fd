import fc from 'fast-check';
import { altered, hostileText, hostileValue } from './hostile-values.ts';
import type { Ending } from './raw-connection.ts';

/** One request as bytes. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** Method of declaring the length of the body. */
  readonly length: 'right' | 'none' | 'chunked' | 'too long' | 'too short' | 'both' | 'nonsense';
  readonly ending: Ending;
}

/** Values of the gateway under test for the generators. */
export interface KnownRequests {
  /** Values of `Authorization` that the gateway accepts, accepted earlier, or nearly accepts. */
  readonly authorizations: readonly string[];
  /** Paths of download links. */
  readonly files: readonly string[];
}

const query = '{ viewer { authMode } }';
const documents = [
  query,
  '{ exportJobs(first: 2) { nodes { id } } }',
  'subscription { exportJobChanged { kind } }',
  'mutation { deleteDataset(id: "ffffffffffffffffffffffff") { __typename } }',
  '{ __schema { types { name } } }',
  'query A { viewer { authMode } } query B { viewer { canWrite } }',
  '{ ...A } fragment A on Query { ...A }',
  `{ ${'a: viewer { authMode } '.repeat(300)} }`,
  `${'{ viewer '.repeat(3_000)}`,
  `query ($a: [[[[[Int!]!]!]!]!]!) { viewer { authMode } }`,
  '{ viewer { authMode @skip(if: $no) } }',
  '{ node(id: "\\u0000\\ud800") { id } }',
  'query @a @a @a { viewer { authMode } }',
  '',
  '#',
  '\ufeff{viewer{authMode}}',
];

/** Headers with a meaning for the gateway, each with valid and invalid values. */
const headerValues: Readonly<Record<string, readonly string[]>> = {
  accept: [
    'application/json',
    'application/graphql-response+json',
    'text/event-stream',
    'text/html',
    'multipart/mixed',
    '*/*',
    'application/*;q=0.1, text/event-stream;q=nonsense',
    ',;,=',
    '*',
    'text/event-stream, application/json',
  ],
  'content-type': [
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset=utf-7',
    'application/json;charset="',
    'APPLICATION/JSON',
    'application/graphql',
    'application/graphql+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'text/plain',
    'application/json, text/plain',
    ';',
  ],
  'x-api-key': ['emulator', 'nobody', ''],
  'x-gw-ims-org-id': ['0123456789ABCDEF01234567@AdobeOrg', '0123456789abcdef01234567@AdobeOrg', 'acme', '@', ''],
  'x-sandbox-name': ['prod', 'dev', 'Prod', 'no-such-sandbox', '../prod', '__proto__', ''],
  range: [
    'bytes=0-3',
    'bytes=-1',
    'bytes=5-',
    'bytes=9-1',
    'bytes=0-0,2-2',
    'bytes=99999999999999999999-',
    'bytes',
    'a=1-2',
  ],
  'if-range': ['"a"', 'W/"a"', 'Wed, 21 Oct 2015 07:28:00 GMT', ''],
  'if-none-match': ['*', '"a"'],
  origin: ['https://app.example', 'https://evil.example', 'null', 'file://', 'http://[', ''],
  host: ['127.0.0.1', 'localhost:1', 'evil.example', '[::1', 'a b', 'http://x', '@', '127.0.0.1:99999', '%', ''],
  'access-control-request-method': ['POST', 'DELETE', ''],
  'access-control-request-headers': ['authorization', '*', ','],
  'transfer-encoding': ['chunked', 'identity', 'gzip, chunked', 'chunked, chunked', 'x'],
  'content-encoding': ['gzip', 'br', 'identity', 'nonsense'],
  'accept-encoding': ['gzip', 'br;q=2', ''],
  expect: ['100-continue', '200-ok'],
  upgrade: ['websocket', 'h2c', 'x'],
  'sec-websocket-key': ['dGhlIHNhbXBsZSBub25jZQ==', 'short', ''],
  'sec-websocket-version': ['13', '8', '99', ''],
  'sec-websocket-protocol': ['graphql-transport-ws', 'graphql-ws', 'graphql-transport-ws, x', ',', ''],
  'sec-websocket-extensions': ['permessage-deflate', 'permessage-deflate; server_max_window_bits=99', ';'],
  connection: ['close', 'keep-alive', 'upgrade', 'Upgrade, close', 'content-length'],
  'x-request-id': ['abc-123', '\u0000', 'x'.repeat(500)],
  'x-forwarded-host': ['evil.example', '['],
  'x-forwarded-proto': ['https', 'javascript'],
  forwarded: ['host=evil.example;proto=https'],
  cookie: ['a=b', ';;;'],
  'x-http-method-override': ['DELETE'],
  'apollo-require-preflight': ['true'],
  'last-event-id': ['1.1', '\u2028'],
};

const headerOf = ({ authorizations }: KnownRequests): fc.Arbitrary<readonly [string, string]> => {
  const values = { ...headerValues, authorization: authorizations };
  const known = fc
    .constantFrom(...Object.keys(values))
    .chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...(values[name as keyof typeof values] ?? ['']))));
  return fc.oneof(
    { weight: 12, arbitrary: known },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(values)), fc.oneof(hostileText, fc.string())) },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(...authorizations)
        .chain((value) => fc.tuple(fc.constant('authorization'), altered(value))),
    },
    { weight: 1, arbitrary: fc.tuple(fc.string({ maxLength: 10 }), fc.string({ maxLength: 10 })) },
  );
};

/** Bodies of GraphQL requests with members of every type, as JSON text. */
const jsonBody: fc.Arbitrary<string> = fc
  .record(
    {
      query: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...documents) }, hostileValue),
      variables: fc.oneof(
        fc.constantFrom({}, null),
        fc.dictionary(hostileText, hostileValue, { maxKeys: 3 }),
        hostileValue,
      ),
      operationName: fc.oneof(fc.constantFrom('A', 'B', 'C', '', null), hostileValue),
      extensions: fc.oneof(
        fc.constantFrom(
          {},
          null,
          { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } },
          { persistedQuery: 1 },
        ),
        hostileValue,
      ),
      id: hostileValue,
    },
    { requiredKeys: ['query'] },
  )
  .map((body) => JSON.stringify(body));

const textBody: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: jsonBody },
  { weight: 2, arbitrary: jsonBody.chain((text) => fc.nat({ max: text.length }).map((at) => text.slice(0, at))) },
  { weight: 2, arbitrary: jsonBody.chain(altered) },
  { weight: 2, arbitrary: fc.array(jsonBody, { maxLength: 3 }).map((bodies) => `[${bodies.join(',')}]`) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      'null',
      '0',
      '"text"',
      '[]',
      '{}',
      '{"__proto__":{"query":"{viewer{authMode}}"}}',
      `{"query":"${query}","__proto__":{"variables":1}}`,
      `{"query":"${query}","variables":{"__proto__":{"a":1},"constructor":{"prototype":{"b":1}}}}`,
      `{"query":"${query}","variables":{"a":1e999,"b":-1e999,"c":${'9'.repeat(400)}}}`,
      `{"query":"${query}","query":"{"}`,
      `${'['.repeat(20_000)}`,
      `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
      `{"query":"${'\\ud800'.repeat(10)}"}`,
      `query=${encodeURIComponent(query)}`,
    ),
  },
);

const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 12, arbitrary: textBody.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  // UTF-16 and Latin-1, which are not valid encodings of JSON.
  { weight: 1, arbitrary: jsonBody.map((text) => Buffer.from(text, 'utf16le')) },
  { weight: 1, arbitrary: jsonBody.map((text) => Buffer.from(text, 'latin1')) },
);

const queryString: fc.Arbitrary<string> = fc.oneof(
  fc
    .record({
      query: fc.constantFrom(...documents),
      variables: fc.oneof(fc.constantFrom('', '{}', '1', '{', 'null'), hostileText),
    })
    // Text with a lone surrogate has no encoding.
    .map((members) => new URLSearchParams(members).toString()),
  fc.constantFrom(
    'query',
    'query=',
    'query=%',
    'query=%ff%fe',
    'query=a&query=b',
    'extensions=%7B',
    'variables=[]&query={a}',
    '&&&=',
    'query[a]=b',
  ),
);

const targetOf = ({ files }: KnownRequests): fc.Arbitrary<string> => {
  const file = fc.constantFrom(...files);
  return fc.oneof(
    { weight: 10, arbitrary: fc.constant('/graphql') },
    { weight: 4, arbitrary: queryString.map((text) => `/graphql?${text}`) },
    { weight: 3, arbitrary: fc.oneof(file, file.chain(altered)) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        '/',
        '*',
        '/healthz',
        '/readyz',
        '/files/',
        '/files/..%2f..',
        '/files/a.b',
        '/files/%00.%ff',
        '//graphql',
        '/graphql/',
        '/graphql;a',
        '/graphql?',
        '/graphql#x',
        '/./graphql',
        '/%67raphql',
        'graphql',
        'http://evil.example/graphql',
        'http://[/graphql',
        '//[',
        '/\\',
        '/%',
        `/${'a'.repeat(5_000)}`,
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 20 }).map((text) => `/${text}`) },
  );
};

const method = fc.oneof(
  { weight: 10, arbitrary: fc.constant('POST') },
  { weight: 6, arbitrary: fc.constant('GET') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'HEAD',
      'OPTIONS',
      'PUT',
      'DELETE',
      'PATCH',
      'TRACE',
      'CONNECT',
      'PRI',
      'get',
      'NOPE',
      '',
    ),
  },
);

/** A request that a gateway usually has to reject, and sometimes answers. */
export function rawRequest(known: KnownRequests): fc.Arbitrary<RawRequest> {
  const request: fc.Arbitrary<RawRequest> = fc.record({
    method,
    target: targetOf(known),
    headers: fc
      .tuple(
        // Most bodies are JSON, because otherwise no request would reach GraphQL.
        fc.oneof(
          { weight: 5, arbitrary: fc.constant([['content-type', 'application/json']] as const) },
          fc.constant([]),
        ),
        fc.array(headerOf(known), { maxLength: 5 }),
      )
      .map(([type, others]) => [...type, ...others]),
    body,
    length: fc.oneof(
      { weight: 14, arbitrary: fc.constant('right' as const) },
      { weight: 2, arbitrary: fc.constant('chunked' as const) },
      { weight: 2, arbitrary: fc.constantFrom('none', 'too long', 'too short', 'both', 'nonsense') },
    ),
    ending: fc.oneof(
      { weight: 12, arbitrary: fc.constant('wait' as const) },
      { weight: 1, arbitrary: fc.constantFrom('half-close', 'reset') },
    ),
  });
  // The generator avoids incomplete bodies, because the response to them would never arrive.
  return request.map((made) =>
    made.length === 'too long' && made.ending === 'wait' ? { ...made, ending: 'half-close' } : made,
  );
}

/** Bytes of a request. Its connection ends with it, unless its own headers differ. */
export function bytesOf({ method, target, headers, body, length }: RawRequest): Buffer {
  const names = new Set(headers.map(([name]) => name));
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(names.has('host') ? [] : ['host: 127.0.0.1']),
    ...(names.has('connection') ? [] : ['connection: close']),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...lengthLines(length, body.length),
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return length === 'chunked' || length === 'both' ? Buffer.concat([head, chunked(body)]) : Buffer.concat([head, body]);
}

function lengthLines(length: RawRequest['length'], bytes: number): readonly string[] {
  switch (length) {
    case 'right':
      return [`content-length: ${bytes}`];
    case 'none':
      return [];
    case 'chunked':
      return ['transfer-encoding: chunked'];
    case 'too long':
      return [`content-length: ${bytes + 10}`];
    case 'too short':
      return [`content-length: ${Math.max(0, bytes - 10)}`];
    case 'both':
      return [`content-length: ${bytes}`, 'transfer-encoding: chunked'];
    case 'nonsense':
      return ['content-length: -1', 'content-length: 0x10'];
  }
}

const chunked = (body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
