import { z } from 'zod';
import type { MergePolicyId } from '../domain/ids.ts';
import type { Profile, SegmentMembership } from '../domain/profile.ts';
import { builder } from './builder.ts';
import { idInput } from './global-id.ts';
import { fieldPathsInput, nonEmpty, nullable, parseInput } from './input.ts';
import { SegmentMembershipStatusRef } from './job.ts';
import { SegmentDefinitionRef } from './refs.ts';
import { isPlatformNamespace } from './segment-namespace.ts';

const SegmentMembershipRef = builder.objectRef<SegmentMembership>('SegmentMembership').implement({
  description: 'How a person stands to a segment.',
  fields: (t) => ({
    namespace: t.exposeString('namespace', { description: 'Namespace of the segment; `ups` for the platform’s own.' }),
    segmentId: t.exposeID('segmentId', { description: 'Id of the segment within its namespace.' }),
    definition: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: SegmentDefinitionRef,
      nullable: true,
      description: 'The segment; null for those of other namespaces.',
      resolve: ({ namespace, segmentId }, _, ctx) =>
        isPlatformNamespace(namespace) ? ctx.loaders.segmentDefinition.load(segmentId) : null,
    }),
    status: t.expose('status', { type: SegmentMembershipStatusRef, description: 'How the person stands to it.' }),
    lastQualificationTime: t.expose('lastQualificationTime', {
      type: 'DateTime',
      nullable: true,
      description: 'When that last changed.',
    }),
  }),
});

const ProfileRef = builder.objectRef<Profile>('Profile').implement({
  description: 'A person’s merged profile.',
  fields: (t) => ({
    entityId: t.exposeID('entityId', { description: 'The platform’s id of the person.' }),
    attributes: t.expose('attributes', { type: 'JSONObject', description: 'The XDM object as the platform gives it.' }),
    segmentMemberships: t.expose('segmentMemberships', {
      type: [SegmentMembershipRef],
      description: 'Segments that the person is in or has left, whatever `fields` names.',
    }),
    lastModifiedAt: t.expose('lastModifiedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last changed.',
    }),
  }),
});

const IdentityInput = builder.inputType('IdentityInput', {
  description: 'An identity of a person.',
  fields: (t) => ({
    namespace: t.string({ required: true, description: 'Identity namespace code: `Email`, `ECID`, …' }),
    value: t.string({ required: true, description: 'Value in that namespace.' }),
  }),
});

const profileInput = z.object({
  identity: z.object({ namespace: nonEmpty(100), value: nonEmpty(1_000) }),
  fields: nullable(fieldPathsInput),
  mergePolicyId: nullable(idInput<MergePolicyId>('MergePolicy')),
});

builder.queryField('profile', (t) =>
  t.field({
    extensions: { upstreamCalls: 'each' },
    type: ProfileRef,
    nullable: true,
    description: 'The person with an identity; null when nobody is known by it.',
    args: {
      identity: t.arg({ type: IdentityInput, required: true, description: 'Whom to look up.' }),
      fields: t.arg.stringList({ description: 'Dotted XDM paths; every field by default.' }),
      mergePolicyId: t.arg.id({ description: 'Global id or platform id; the default policy by default.' }),
    },
    resolve: (_, args, ctx) => {
      const { identity, fields, mergePolicyId } = parseInput(profileInput, args);
      return ctx.loaders.profile({ ...identity, fields, mergePolicyId });
    },
  }),
);
