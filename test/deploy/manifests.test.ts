import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config/config.ts';

const repository = resolve(import.meta.dirname, '../..');
const base = join(repository, 'deploy/kubernetes');
const read = (path: string): string => readFileSync(join(repository, path), 'utf8');

const kustomization = z
  .object({
    resources: z.array(z.string()),
    configMapGenerator: z.tuple([z.object({ name: z.string(), envs: z.tuple([z.string()]) })]),
    images: z.tuple([z.object({ name: z.string(), newTag: z.string() })]),
  })
  .parse(parse(read('deploy/kubernetes/kustomization.yaml')));

const manifests = kustomization.resources.map((file) => {
  const content: unknown = parse(read(`deploy/kubernetes/${file}`));
  const { apiVersion, kind } = z.object({ apiVersion: z.string(), kind: z.string() }).parse(content);
  return { file, apiVersion, kind, content };
});

function contentOf(kind: string): unknown {
  const found = manifests.find((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`There is no ${kind}.`);
  return found.content;
}

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const { spec } = z
  .object({
    spec: z.object({
      template: z.object({
        metadata: z.object({ labels: z.record(z.string(), z.string()) }),
        spec: z.object({
          terminationGracePeriodSeconds: z.number(),
          containers: z.tuple([
            z.object({
              image: z.string(),
              envFrom: z.tuple([z.object({ configMapRef: z.object({ name: z.string() }) }), z.unknown()]),
              ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
              startupProbe: probe,
              livenessProbe: probe,
              readinessProbe: probe,
              lifecycle: z.object({ preStop: z.object({ exec: z.object({ command: z.array(z.string()) }) }) }),
            }),
          ]),
        }),
      }),
    }),
  })
  .parse(contentOf('Deployment'));
const { containers, terminationGracePeriodSeconds } = spec.template.spec;
const [container] = containers;

/** Variables of a file of lines NAME=value. */
const variablesOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [name = '', ...value] = line.split('=');
        return [name, value.join('=')];
      }),
  );
const kubernetesVariables = variablesOf(read(`deploy/kubernetes/${kustomization.configMapGenerator[0].envs[0]}`));

describe('the Kubernetes manifests', () => {
  // The types of the API reject unknown members, which its JSON schemas permit.
  const wrong = {
    apiVersion: 'v1',
    kind: 'Service',
    content: { apiVersion: 'v1', kind: 'Service', spec: { portz: [] } },
  };
  const typed = manifests.filter(({ kind }) => kind !== 'ServiceMonitor');
  /** Diagnostics of the compiler by kind. The wrong manifest is `wrong`. */
  const problems = new Map<string, string>();
  beforeAll(async () => {
    const folder = mkdtempSync(join(import.meta.dirname, '.manifests-'));
    try {
      const files = [...typed.map((manifest) => ({ ...manifest, name: manifest.kind })), { ...wrong, name: 'wrong' }];
      for (const { name, apiVersion, kind, content } of files) {
        const module = `kubernetes-models/${apiVersion}/${kind}`;
        const source = `import type { I${kind} } from '${module}';\nexport const manifest: I${kind} = ${JSON.stringify(content)};\n`;
        writeFileSync(join(folder, `${name}.ts`), source);
      }
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            strict: true,
            noEmit: true,
            skipLibCheck: true,
            types: [],
            module: 'esnext',
            moduleResolution: 'bundler',
          },
        }),
      );
      const tsc = join(repository, 'node_modules/typescript/bin/tsc');
      const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false']).catch(
        (error: unknown) => z.object({ stdout: z.string() }).parse(error),
      );
      for (const line of stdout.split('\n')) {
        const name = /([A-Za-z]+)\.ts\(\d+,\d+\): error/.exec(line)?.[1];
        if (name !== undefined) problems.set(name, `${problems.get(name) ?? ''}${line}\n`);
        else expect(line).toMatch(/^( .*)?$/);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each(typed)('conform to the API: $file', ({ kind }) => {
    expect(problems.get(kind)).toBe(undefined);
  });

  it('are rejected with an unknown member', () => {
    expect(problems.get('wrong')).toContain('portz');
  });

  it('are all listed in the kustomization', () => {
    const files = readdirSync(base).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml');
    expect(kustomization.resources.toSorted()).toEqual(files.toSorted());
  });

  it('select the pods by the labels that they have', () => {
    const selectors = manifests.flatMap(({ kind, content }) => {
      const { spec } = z
        .object({
          spec: z.object({
            selector: z.union([z.object({ matchLabels: z.unknown() }), z.record(z.string(), z.string())]).optional(),
            podSelector: z.object({ matchLabels: z.unknown() }).optional(),
          }),
        })
        .parse(content);
      const selector = spec.podSelector ?? spec.selector;
      if (selector === undefined) return [];
      return [{ kind, labels: 'matchLabels' in selector ? selector.matchLabels : selector }];
    });
    expect(selectors.map(({ kind }) => kind).toSorted()).toEqual([
      'Deployment',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceMonitor',
    ]);
    for (const { labels } of selectors) expect(labels).toEqual(spec.template.metadata.labels);
  });

  it('name ports that the container has', () => {
    const names = new Set(container.ports.map(({ name }) => name));
    const used = manifests.flatMap(({ content }) =>
      [...JSON.stringify(content).matchAll(/"(?:targetPort|port)":"([^"]+)"/g)].map(([, name = '']) => name),
    );
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((name) => !names.has(name))).toEqual([]);
  });

  it('probe the paths that the gateway serves, on the admin port', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container;
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)).toEqual([
      { path: '/healthz', port: 'admin' },
      { path: '/healthz', port: 'admin' },
      { path: '/readyz', port: 'admin' },
    ]);
  });

  it('configure the gateway with variables that it accepts', () => {
    expect(container.envFrom[0].configMapRef.name).toBe(kustomization.configMapGenerator[0].name);
    const { server } = loadConfig(kubernetesVariables);
    const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(ports).toEqual({ http: server.port, admin: Number(kubernetesVariables['ADMIN_PORT']) });
  });

  it('give a pod more time to end than preStop and the drain take', () => {
    const preStopMs = Number(/(\d+)\)$/.exec(container.lifecycle.preStop.exec.command.at(-1) ?? '')?.[1]);
    expect(preStopMs).toBeGreaterThan(0);
    const { drainMs } = loadConfig(kubernetesVariables).server;
    expect(terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(preStopMs + drainMs + 5_000);
  });

  it('have the version of the package as the tag of the image', () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')));
    expect(kustomization.images[0]).toMatchObject({ name: container.image, newTag: version });
  });
});

const service = z.object({
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).default({}),
  command: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
  profiles: z.array(z.string()),
  depends_on: z.record(z.string(), z.unknown()).default({}),
});
const compose = z
  .object({ services: z.record(z.string(), service) })
  .parse(parse(read('compose.yaml'), { merge: true }));

describe('the compose file', () => {
  const gateways = Object.entries(compose.services).filter(([name]) => name.startsWith('gateway'));

  it('runs the gateway with Redis, and the gateway with the emulator', () => {
    expect(gateways.map(([, { profiles, depends_on }]) => [profiles, Object.keys(depends_on)])).toEqual([
      [['platform'], ['redis']],
      [['emulator'], ['emulator']],
    ]);
  });

  it.each(gateways)('configures %s with variables that it accepts', (_, { environment }) => {
    const set = Object.entries(environment).map(([name, value]) => [name, value === null ? undefined : String(value)]);
    expect(loadConfig(Object.fromEntries(set)).auth.mode).toBe('passthrough');
  });

  it.each(gateways)('gives %s more time to end than the drain takes', (_, { stop_grace_period = '' }) => {
    expect(Number.parseInt(stop_grace_period, 10) * 1_000).toBeGreaterThan(loadConfig({}).server.drainMs + 5_000);
  });
});
