import { type MergePolicyId, platformId } from '../../domain/ids.ts';
import { builder } from '../builder.ts';
import { connectionArgs, parsePage } from '../common/connection.ts';
import { globalId, parseId } from '../common/global-id.ts';
import { DatasetRef, MergePolicyConnection, MergePolicyRef } from '../common/refs.ts';
import { entityKeys } from '../federation/directives.ts';
import { Node, registerNode } from '../node.ts';
import { versionDescription, versionOf } from './version.ts';

MergePolicyRef.implement({
  description: 'Rules by which the fragments of a person are merged into one profile.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({
      description: 'Global id, unique across all types.',
      resolve: (policy) => globalId('MergePolicy', policy.id),
    }),
    platformId: t.exposeID('id', { description: 'The platform’s id of this entity.' }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Name of the policy. Null if the platform does not report it.',
    }),
    version: t.int({ nullable: true, description: versionDescription, resolve: versionOf }),
    isDefault: t.exposeBoolean('isDefault', {
      description: 'True if the policy is used where no policy is specified.',
    }),
    identityGraph: t.exposeString('identityGraph', {
      nullable: true,
      description: 'Method by which identities are linked: `none` or `pdg`. Null if the platform does not report it.',
    }),
    attributeMerge: t.exposeString('attributeMerge', {
      nullable: true,
      description:
        'Rule that decides between different values: `timestampOrdered` or `dataSetPrecedence`. Null if the platform does not report it.',
    }),
    datasetPrecedence: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: [DatasetRef],
      nullable: true,
      description:
        'Datasets by descending precedence. Null if the latest value wins instead. Deleted datasets are omitted; `datasetPrecedenceIds` keeps their ids.',
      resolve: async ({ datasetPrecedence }, _, ctx) => {
        if (datasetPrecedence === null) return null;
        const datasets = await Promise.all(datasetPrecedence.map((id) => ctx.loaders.dataset.load(id)));
        return datasets.filter((dataset) => dataset !== null);
      },
    }),
    datasetPrecedenceIds: t.exposeIDList('datasetPrecedence', {
      nullable: true,
      description:
        'The platform’s ids of the datasets by descending precedence, including deleted datasets. Null if the latest value wins instead. Selecting them causes no further call to the platform.',
    }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the last change. Null if the platform does not report it.',
    }),
  }),
});

registerNode('MergePolicy', (id, ctx) => ctx.loaders.mergePolicy.load(platformId<MergePolicyId>(id)));

builder.queryFields((t) => ({
  mergePolicy: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: MergePolicyRef,
    nullable: true,
    description: 'The merge policy with an id. Null if it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.mergePolicy.load(parseId<MergePolicyId>('MergePolicy', id)),
  }),
  mergePolicies: t.field({
    extensions: { upstreamCalls: 'each' },
    type: MergePolicyConnection,
    nullable: true,
    description: 'Merge policies of the sandbox, by name.',
    args: connectionArgs(t),
    resolve: (_, args, ctx) => ctx.loaders.mergePolicies(parsePage(args)),
  }),
}));
