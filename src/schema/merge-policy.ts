import { type MergePolicyId, platformId } from '../domain/ids.ts';
import { builder } from './builder.ts';
import { connectionArgs, parsePage } from './connection.ts';
import { entityKeys } from './federation-directives.ts';
import { globalId, parseId } from './global-id.ts';
import { Node, registerNode } from './node.ts';
import { DatasetRef, MergePolicyConnection, MergePolicyRef } from './refs.ts';

MergePolicyRef.implement({
  description: 'How the fragments of a person become one profile.',
  interfaces: [Node],
  extensions: entityKeys,
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: (policy) => globalId('MergePolicy', policy.id) }),
    platformId: t.exposeID('id', { description: 'The id that the platform itself uses.' }),
    name: t.exposeString('name', { nullable: true, description: 'Its name.' }),
    version: t.exposeInt('version', { nullable: true, description: 'Its version.' }),
    isDefault: t.exposeBoolean('isDefault', { description: 'Whether it is used where none is named.' }),
    identityGraph: t.exposeString('identityGraph', {
      nullable: true,
      description: 'How identities are linked: `none` or `pdg`.',
    }),
    attributeMerge: t.exposeString('attributeMerge', {
      nullable: true,
      description: 'Which value wins: `timestampOrdered` or `dataSetPrecedence`.',
    }),
    datasetPrecedence: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: [DatasetRef],
      nullable: true,
      description:
        'Which dataset wins, the first one first; null where time decides. Deleted datasets are left out; `datasetPrecedenceIds` keeps their ids.',
      resolve: async ({ datasetPrecedence }, _, ctx) => {
        if (datasetPrecedence === null) return null;
        const datasets = await Promise.all(datasetPrecedence.map((id) => ctx.loaders.dataset.load(id)));
        return datasets.filter((dataset) => dataset !== null);
      },
    }),
    datasetPrecedenceIds: t.exposeIDList('datasetPrecedence', {
      nullable: true,
      description:
        'The platform’s ids of these datasets, deleted ones included; null where time decides. Needs no further read.',
    }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', nullable: true, description: 'When it last changed.' }),
  }),
});

registerNode('MergePolicy', (id, ctx) => ctx.loaders.mergePolicy.load(platformId<MergePolicyId>(id)));

builder.queryFields((t) => ({
  mergePolicy: t.field({
    extensions: { upstreamCalls: 'batched' },
    type: MergePolicyRef,
    nullable: true,
    description: 'A merge policy by its id; null when it does not exist.',
    args: { id: t.arg.id({ required: true, description: 'Global id or platform id.' }) },
    resolve: (_, { id }, ctx) => ctx.loaders.mergePolicy.load(parseId<MergePolicyId>('MergePolicy', id)),
  }),
  mergePolicies: t.field({
    extensions: { upstreamCalls: 'each' },
    type: MergePolicyConnection,
    nullable: true,
    description: 'Merge policies, by name.',
    args: connectionArgs(t),
    resolve: (_, args, ctx) => ctx.loaders.mergePolicies(parsePage(args)),
  }),
}));
