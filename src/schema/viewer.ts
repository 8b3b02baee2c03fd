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
  description: 'Who asks, for which organization and sandbox, and what they may do.',
  fields: (t) => ({
    organizationId: t.id({ description: 'The organization.', resolve: ({ tenant }) => tenant.org }),
    sandbox: t.field({
      extensions: { upstreamCalls: 'each' },
      type: SandboxRef,
      description: 'The sandbox of this request.',
      resolve: async ({ tenant }, _, ctx) => {
        const known = (await ctx.loaders.sandboxes()).find(({ name }) => name === tenant.sandbox);
        return known ?? { name: tenant.sandbox, title: null, type: null, state: null, isDefault: null };
      },
    }),
    sandboxes: t.field({
      extensions: { upstreamCalls: 'each' },
      type: [SandboxRef],
      description: 'The sandboxes that the caller may use.',
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
    extensions: shareable,
    type: Viewer,
    description: 'Who asks, for which organization and sandbox, and what they may do.',
    resolve: (_, __, ctx) => ctx,
  }),
);
