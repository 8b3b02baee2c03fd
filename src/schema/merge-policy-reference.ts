import type { MergePolicyRef as MergePolicyReference } from '../domain/export-job.ts';
import { builder } from './builder.ts';
import { MergePolicyRef } from './refs.ts';

/** The merge policy that a job or a segment was given. */
export const MergePolicyReferenceRef = builder.objectRef<MergePolicyReference>('MergePolicyReference').implement({
  description: 'The merge policy that a job or a segment was given.',
  fields: (t) => ({
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    version: t.exposeInt('version', { nullable: true, description: 'Version of the policy; null when not said.' }),
    policy: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: MergePolicyRef,
      nullable: true,
      description: 'The policy as it is now; null when it no longer exists.',
      resolve: ({ id }, _, ctx) => ctx.loaders.mergePolicy.load(id),
    }),
  }),
});
