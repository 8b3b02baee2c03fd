import type { MergePolicyRef as MergePolicyReference } from '../../domain/export-job.ts';
import { builder } from '../builder.ts';
import { MergePolicyRef } from '../common/refs.ts';
import { versionDescription, versionOf } from './version.ts';

/** Reference to the merge policy of a job or a segment. */
export const MergePolicyReferenceRef = builder.objectRef<MergePolicyReference>('MergePolicyReference').implement({
  description: 'Reference to the merge policy of a job or a segment.',
  fields: (t) => ({
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    version: t.int({ nullable: true, description: versionDescription, resolve: versionOf }),
    policy: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: MergePolicyRef,
      nullable: true,
      description: 'Current definition of the policy. Null if it no longer exists.',
      resolve: ({ id }, _, ctx) => ctx.loaders.mergePolicy.load(id),
    }),
  }),
});
