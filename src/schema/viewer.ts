import type { AuthMode, GatewayContext } from '../context/context.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import { builder } from './builder.ts';
import { describedEnum } from './enum.ts';
import { operational, shareable } from './federation-directives.ts';

const AuthModeRef = describedEnum<AuthMode>('AuthMode', 'How the gateway tells who calls.', {
  EMBEDDED: 'An emulator is behind it; nobody is asked for a credential.',
  PASSTHROUGH: 'The caller’s own platform credential goes upstream; the platform decides.',
  SERVICE: 'Callers bring a token of their own; the gateway holds the platform credential.',
});

const SandboxRef = builder.objectRef<Sandbox>('Sandbox').implement({
  description: 'A sandbox of the organization.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name that requests use.' }),
    title: t.exposeString('title', { nullable: true, description: 'The name that people see.' }),
    type: t.exposeString('type', { nullable: true, description: '`production` or `development`.' }),
    state: t.exposeString('state', { nullable: true, description: '`active` when it can be used.' }),
    isDefault: t.exposeBoolean('isDefault', {
      nullable: true,
      description: 'Whether it is the organization’s default.',
    }),
  }),
});

const Viewer = builder.objectRef<Pick<GatewayContext, 'tenant' | 'authMode' | 'canWrite'>>('Viewer').implement({
  description: 'The caller: its organization, sandbox and permissions.',
  fields: (t) => ({
    organizationId: t.id({ description: 'The organization.', resolve: ({ tenant }) => tenant.org }),
    sandbox: t.field({
      extensions: { upstreamCalls: 'each' },
      type: SandboxRef,
      description:
        'The sandbox of this request. Only its name is known if the caller may not read, or if the platform’s list of sandboxes is not readable.',
      resolve: async ({ tenant }, _, { canRead, loaders }) => {
        // The name comes from the request itself, so that no failure of the platform fails the viewer.
        const listed = canRead ? await loaders.sandboxes().catch(() => []) : [];
        const known = listed.find(({ name }) => name === tenant.sandbox);
        return known ?? { name: tenant.sandbox, title: null, type: null, state: null, isDefault: null };
      },
    }),
    sandboxes: t.field({
      extensions: { upstreamCalls: 'each', access: 'read' },
      type: [SandboxRef],
      nullable: true,
      description: 'The sandboxes that the caller may use. Null, with an error, if they are not readable.',
      resolve: async (_, __, { loaders, allowedSandboxes }) => {
        const known = await loaders.sandboxes();
        // The gateway's own credential sees more than the caller may.
        return allowedSandboxes === null ? known : known.filter(({ name }) => allowedSandboxes.includes(name));
      },
    }),
    canWrite: t.exposeBoolean('canWrite', { description: 'Whether mutations are allowed.' }),
    authMode: t.expose('authMode', {
      extensions: operational,
      type: AuthModeRef,
      description: 'How the gateway tells who calls.',
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    // Every authenticated caller may read its own rights, so that a client without them can say so.
    extensions: { ...shareable, access: 'authenticated' },
    type: Viewer,
    description: 'The caller: its organization, sandbox and permissions. Never fails for an authenticated caller.',
    resolve: (_, __, ctx) => ctx,
  }),
);
