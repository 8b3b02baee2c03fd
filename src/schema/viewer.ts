import type { GatewayContext } from '../context/context.ts';
import type { AuthMode } from '../domain/auth-mode.ts';
import type { Sandbox } from '../domain/sandbox.ts';
import { builder } from './builder.ts';
import { describedEnum } from './common/enum.ts';
import { operational, shareable } from './federation/directives.ts';

const AuthModeRef = describedEnum<AuthMode>('AuthMode', 'Method by which the gateway authenticates callers.', {
  embedded: 'The gateway uses an embedded emulator, and callers need no credential.',
  passthrough: 'The gateway passes the caller’s platform credential to the platform, which decides about access.',
  service: 'Callers send a token for the gateway, and the gateway calls the platform with its own credential.',
});

const SandboxRef = builder.objectRef<Sandbox>('Sandbox').implement({
  description: 'A sandbox of the organization.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name of the sandbox in requests.' }),
    title: t.exposeString('title', {
      nullable: true,
      description: 'Display name of the sandbox. Null if the platform does not report it.',
    }),
    type: t.exposeString('type', {
      nullable: true,
      description: 'Type of the sandbox: `production` or `development`. Null if the platform does not report it.',
    }),
    state: t.exposeString('state', {
      nullable: true,
      description: 'State of the sandbox; `active` if it can be used. Null if the platform does not report it.',
    }),
    isDefault: t.exposeBoolean('isDefault', {
      nullable: true,
      description: 'True if this is the default sandbox of the organization. Null if the platform does not report it.',
    }),
  }),
});

const Viewer = builder.objectRef<Pick<GatewayContext, 'tenant' | 'authMode' | 'canWrite'>>('Viewer').implement({
  description: 'The caller: its organization, sandbox and permissions.',
  fields: (t) => ({
    organizationId: t.id({ description: 'Id of the organization.', resolve: ({ tenant }) => tenant.org }),
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
        // The gateway's own credential can see more sandboxes than the caller may use.
        return allowedSandboxes === null ? known : known.filter(({ name }) => allowedSandboxes.includes(name));
      },
    }),
    canWrite: t.exposeBoolean('canWrite', { description: 'True if the caller may send mutations.' }),
    authMode: t.expose('authMode', {
      extensions: operational,
      type: AuthModeRef,
      description: 'Method by which the gateway authenticates callers.',
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    // Every authenticated caller may read its own rights, so that a client can explain to its user which rights are
    // missing.
    extensions: { ...shareable, access: 'authenticated' },
    type: Viewer,
    description: 'The caller: its organization, sandbox and permissions. Never fails for an authenticated caller.',
    resolve: (_, __, ctx) => ctx,
  }),
);
