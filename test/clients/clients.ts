/** The cases that each client runs, in this order. */
export const cases = ['query', 'mutation', 'subscription', 'download'] as const;
export type Case = (typeof cases)[number];

export type Command = readonly [program: string, ...args: string[]];

/** A program in a folder of its own, with pinned packages. */
interface Sources {
  /** Name of the folder below `test/clients`. */
  readonly folder: string;
  /** Other files of the repository that the program needs, by path from the root. They are copied into the folder. */
  readonly shared?: readonly string[];
  /** Install the packages. A failure means that the client is not available on this machine. */
  readonly install: readonly Command[];
  /** Compile the program from installed packages. A failure is a fault of the program. */
  readonly compile: readonly Command[];
}

export interface Client {
  /** Unique; also the name in the table. */
  readonly name: string;
  readonly sources: Sources;
  /** File of the folder that pins the version, and a pattern with the version as its group. */
  readonly version: { readonly file: string; readonly pattern: RegExp };
  /** Runs in a copy of the folder. */
  readonly run: Command;
  /** Transport of each case. */
  readonly transports: Readonly<Record<Case, string>>;
}

const http = 'HTTP/1.1';
const webSocket = 'WebSocket';
const overBoth = { query: http, mutation: http, subscription: webSocket, download: http };

const gql: Omit<Client, 'name' | 'run' | 'transports'> = {
  sources: {
    folder: 'python-gql',
    install: [
      ['python3', '-m', 'venv', '../venv'],
      ['../venv/bin/pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', 'requirements.txt'],
    ],
    compile: [],
  },
  version: { file: 'requirements.txt', pattern: /^gql==(.+)$/m },
};

const node: Client['sources'] = {
  folder: 'node',
  shared: ['examples/codegen/resume.ts', 'schema/api.graphql'],
  install: [['npm', 'ci', '--no-audit', '--no-fund']],
  compile: [['npm', 'run', '--silent', 'build']],
};

/** A program for Node, with the package whose version the table shows. */
const nodeClient = (name: string, packageName: string, ...run: readonly [string, ...string[]]) => ({
  name: `Node ${name}`,
  sources: node,
  version: { file: 'package.json', pattern: new RegExp(`"${packageName}": "([^"]+)"`) },
  run: ['node', ...run] as const,
});

/** Programs for Java, whose packages Maven installs. */
const java: Client['sources'] = {
  folder: 'java',
  install: [['mvn', '--batch-mode', '--quiet', 'dependency:copy-dependencies', '-DoutputDirectory=lib']],
  compile: [
    [
      'javac',
      '--release',
      '17',
      '-parameters',
      '-cp',
      'lib/*',
      '-d',
      'classes',
      'Report.java',
      'JdkClient.java',
      'SpringClient.java',
    ],
  ],
};

/** A program whose classes for the operations are generated first. */
const kotlin: Client['sources'] = {
  folder: 'kotlin',
  shared: ['schema/api.graphql', 'test/clients/rust/operations.graphql'],
  install: [
    [
      'mvn',
      '--batch-mode',
      '--quiet',
      'dependency:resolve-plugins',
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      '-DoutputDirectory=lib',
    ],
  ],
  // Not offline, because Maven installs some packages of a plugin only when it runs the plugin.
  compile: [['mvn', '--batch-mode', '--quiet', 'compile']],
};

const overEvents = { query: 'event stream', mutation: 'event stream', subscription: 'event stream', download: http };

export const clients: readonly Client[] = [
  {
    ...gql,
    name: 'Python gql, aiohttp',
    run: ['../venv/bin/python', 'main.py', 'aiohttp'],
    transports: overBoth,
  },
  {
    ...gql,
    name: 'Python gql, aiohttp alone',
    run: ['../venv/bin/python', 'main.py', 'multipart'],
    transports: { ...overBoth, subscription: 'multipart' },
  },
  {
    ...gql,
    name: 'Python gql, websockets',
    run: ['../venv/bin/python', 'main.py', 'websockets'],
    transports: { ...overBoth, query: webSocket, mutation: webSocket },
  },
  {
    name: 'Go hasura/go-graphql-client',
    sources: {
      folder: 'go-hasura',
      install: [['go', 'mod', 'download']],
      compile: [['go', 'build', '-o', '../program', '.']],
    },
    version: { file: 'go.mod', pattern: /go-graphql-client v(\S+)/ },
    run: ['../program'],
    transports: overBoth,
  },
  {
    ...nodeClient('graphql-ws', 'graphql-ws', 'dist/graphql-ws.js'),
    transports: { ...overBoth, query: webSocket, mutation: webSocket },
  },
  { ...nodeClient('graphql-sse', 'graphql-sse', 'dist/graphql-sse.js'), transports: overEvents },
  {
    ...nodeClient('graphql-sse, single connection', 'graphql-sse', 'dist/graphql-sse.js', 'single'),
    transports: overEvents,
  },
  { ...nodeClient('Apollo Client', '@apollo/client', 'dist/apollo.js'), transports: overBoth },
  {
    ...nodeClient('Apollo Client, HTTP', '@apollo/client', 'dist/apollo.js', 'multipart'),
    transports: { ...overBoth, subscription: 'multipart' },
  },
  { ...nodeClient('urql', '@urql/core', 'dist/urql.js'), transports: overBoth },
  { ...nodeClient('Relay', 'relay-runtime', 'dist/relay.cjs'), transports: overBoth },
  {
    name: "Java, the JDK's HttpClient",
    sources: java,
    version: { file: 'pom.xml', pattern: /<java\.version>(.+)</ },
    run: ['java', '-cp', 'classes:lib/*', 'JdkClient'],
    transports: { ...overBoth, subscription: 'event stream' },
  },
  {
    name: 'Java Spring for GraphQL, WebSocket',
    sources: java,
    version: { file: 'pom.xml', pattern: /<spring-graphql\.version>(.+)</ },
    run: ['java', '-cp', 'classes:lib/*', 'SpringClient', 'websocket'],
    transports: overBoth,
  },
  {
    name: 'Java Spring for GraphQL, HTTP',
    sources: java,
    version: { file: 'pom.xml', pattern: /<spring-graphql\.version>(.+)</ },
    run: ['java', '-cp', 'classes:lib/*', 'SpringClient', 'http'],
    transports: { ...overBoth, subscription: 'event stream' },
  },
  {
    name: 'Apollo Kotlin',
    sources: kotlin,
    version: { file: 'pom.xml', pattern: /<apollo\.version>(.+)</ },
    run: ['java', '-cp', 'target/classes:lib/*', 'client.MainKt'],
    transports: overBoth,
  },
  {
    name: 'Rust graphql_client and graphql-ws-client',
    sources: {
      folder: 'rust',
      shared: ['schema/api.graphql'],
      install: [['cargo', 'fetch', '--locked']],
      compile: [['cargo', 'build', '--offline', '--target-dir', '../target']],
    },
    version: { file: 'Cargo.toml', pattern: /^graphql_client = "(.+)"$/m },
    run: ['../target/debug/aep-export-gateway-client'],
    transports: overBoth,
  },
];
