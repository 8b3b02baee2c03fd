import { readFileSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  GraphQLNonNull,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isListType,
  isUnionType,
  parse,
  printSchema,
} from 'graphql';
import { variables } from './src/config/variables.ts';
import { createMetrics } from './src/metrics/index.ts';
import { describeVariables } from './src/runtime/variable.ts';
import { printPolicies } from './src/schema/federation/policies.ts';
import { printApi, printSubgraph } from './src/schema/federation/sdl.ts';
import { schema } from './src/schema/index.ts';
import { productionPackages } from './test/repository/licenses.ts';
import { routersTable } from './test/routers/results.ts';

/**
 * Writes what is made from the source and checked in beside it: the SDL for routers and for clients, the typed
 * operations of the end-to-end tests and of the console, the tables of variables, metrics and routers, and the list of licences. With `--check` it
 * writes nothing and fails when one of them is out of date.
 */
const root = new URL('./', import.meta.url);
const notice = 'Written by `npm run codegen`. Do not edit.';

/**
 * The schema as seen by a client that throws on every error, like the client of the end-to-end tests: connections, lists
 * and mutation results that are null only together with an error are not nullable.
 */
const withoutFailures = () =>
  mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field) =>
      field.extensions?.['upstreamCalls'] === 'each' && isNullOnlyOnError(field.type)
        ? { ...field, type: new GraphQLNonNull(field.type) }
        : undefined,
  });

const isNullOnlyOnError = (type: GraphQLOutputType): boolean =>
  isListType(type) || isUnionType(type) || (!('ofType' in type) && getNamedType(type).name.endsWith('Connection'));

interface Operations {
  /** Folder of the documents, with a trailing slash. */
  readonly folder: string;
  readonly schema: GraphQLSchema;
}

/** Types and documents of the operations in the `.graphql` files of a folder and the folders in it. */
async function typedOperations({ folder, schema }: Operations): Promise<string> {
  const url = new URL(folder, root);
  const names = (await readdir(url, { recursive: true })).filter((name) => name.endsWith('.graphql')).sort();
  const documents = await Promise.all(
    names.map(async (name) => ({ location: name, document: parse(await readFile(new URL(name, url), 'utf8')) })),
  );
  const generated = await codegen({
    filename: 'operations.generated.ts',
    schema: parse(printSchema(schema)),
    documents,
    config: {
      scalars: {
        DateTime: 'string',
        SafeInt: 'number',
        URL: 'string',
        JSONObject: 'Record<string, unknown>',
        _Any: 'unknown',
      },
      useTypeImports: true,
      enumType: 'string-literal',
      strictScalars: true,
    },
    plugins: [{ operations: {} }, { documents: {} }],
    pluginMap: { operations: typescriptOperations, documents: typedDocumentNode },
  });
  return `// ${notice}\n${generated}`;
}

const operationsOfTests = (): Promise<string> =>
  typedOperations({ folder: 'test/e2e/operations/', schema: withoutFailures() });

/** The console receives every null that the schema permits. */
const operationsOfConsole = (): Promise<string> => typedOperations({ folder: 'src/console/', schema });

function configurationTable(page: string): string {
  const rows = describeVariables(variables.shape).map(
    ({ name, shownDefault, description }) => `| \`${name}\` | ${shownDefault} | ${description} |`,
  );
  return withTable(page, 'configuration', ['| Variable | Default | Meaning |', '|---|---|---|', ...rows]);
}

async function metricsTable(page: string): Promise<string> {
  const metrics = createMetrics({ version: '' });
  metrics.watchConnections(() => ({ open: new Map(), waitingBytes: 0 }));
  metrics.watchRedis(() => 'ready');
  const { body } = await metrics.render();
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (.+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const rows = [...body.matchAll(/^# HELP (aep_\S+) (.+)$/gm)]
    .map(([, name = '', help = '']) => `| \`${name}\` | ${types.get(name) ?? ''} | ${help} |`)
    .sort();
  return withTable(page, 'metrics', ['| Metric | Type | Meaning |', '|---|---|---|', ...rows]);
}

/** Replaces the table between the marks of this name. */
function withTable(page: string, name: string, rows: readonly string[]): string {
  const place = new RegExp(`(<!-- ${name}:begin[^>]*-->\\n)[\\s\\S]*?(<!-- ${name}:end -->)`);
  if (!place.test(page)) throw new Error(`The page has no place for the table ${name}.`);
  return page.replace(place, (_, begin: string, end: string) => `${begin}${rows.join('\n')}\n${end}`);
}

function licenses(): string {
  const packages = productionPackages(readFileSync(new URL('package-lock.json', root), 'utf8'));
  const rows = packages.map(({ name, version, license }) => `| \`${name}\` | ${version} | ${license ?? ''} |`);
  return [
    '# Licences',
    '',
    `The packages of a production install, with the optional ones. ${notice} \`npm run sbom\` prints the same as CycloneDX.`,
    '',
    '| Package | Version | Licence |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const outputs: Record<string, () => string | Promise<string>> = {
  'schema/schema.graphql': () => printSubgraph(schema),
  'schema/policies.graphql': () => printPolicies(schema),
  'schema/api.graphql': () => printApi(schema),
  'test/e2e/operations.generated.ts': operationsOfTests,
  'src/console/operations.generated.ts': operationsOfConsole,
  'docs/licenses.md': licenses,
  'docs/configuration.md': () => configurationTable(readFileSync(new URL('docs/configuration.md', root), 'utf8')),
  'docs/federation.md': () =>
    withTable(readFileSync(new URL('docs/federation.md', root), 'utf8'), 'routers', routersTable()),
  'docs/operations.md': () => metricsTable(readFileSync(new URL('docs/operations.md', root), 'utf8')),
};

const check = process.argv.includes('--check');
const stale: string[] = [];
for (const [path, make] of Object.entries(outputs)) {
  const url = new URL(path, root);
  const wanted = await make();
  const present = await readFile(url, 'utf8').catch(() => null);
  if (present === wanted) continue;
  if (check) stale.push(path);
  else writeFileSync(url, wanted);
}
if (stale.length > 0) {
  process.stderr.write(`out of date, run \`npm run codegen\`: ${stale.join(', ')}\n`);
  process.exitCode = 1;
}
