import { z } from 'zod';
import type { MergePolicyId } from '../domain/ids.ts';
import type { Profile, SegmentMembership } from '../domain/profile.ts';
import { isPlatformNamespace } from '../domain/segment-definition.ts';
import { builder } from './builder.ts';
import { idInput } from './common/global-id.ts';
import { fieldPathsInput, nonEmpty, nullable, parseInput } from './common/input.ts';
import { SegmentMembershipStatusRef } from './common/job.ts';
import { SegmentDefinitionRef } from './common/refs.ts';

const SegmentMembershipRef = builder.objectRef<SegmentMembership>('SegmentMembership').implement({
  description: 'Membership of a person in a segment.',
  fields: (t) => ({
    namespace: t.exposeString('namespace', {
      description: 'Namespace of the segment; `ups` for segments of the platform.',
    }),
    segmentId: t.exposeID('segmentId', { description: 'Id of the segment within its namespace.' }),
    definition: t.field({
      extensions: { upstreamCalls: 'batched' },
      type: SegmentDefinitionRef,
      nullable: true,
      description:
        'Definition of the segment. Null if the segment no longer exists, or if it belongs to another namespace than `ups`.',
      resolve: ({ namespace, segmentId }, _, ctx) =>
        isPlatformNamespace(namespace) ? ctx.loaders.segmentDefinition.load(segmentId) : null,
    }),
    status: t.expose('status', { type: SegmentMembershipStatusRef, description: 'Membership status of the person.' }),
    lastQualificationTime: t.expose('lastQualificationTime', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the last change of the membership status. Null if the platform does not report it.',
    }),
  }),
});

const ProfileRef = builder.objectRef<Profile>('Profile').implement({
  description: 'The merged profile of a person.',
  fields: (t) => ({
    entityId: t.exposeID('entityId', { description: 'The platform’s id of the person.' }),
    attributes: t.expose('attributes', {
      type: 'JSONObject',
      description: 'The XDM object as the platform returns it.',
    }),
    segmentMemberships: t.expose('segmentMemberships', {
      type: [SegmentMembershipRef],
      description:
        'Memberships in segments, including segments that the person has left. The argument `fields` does not affect them.',
    }),
    lastModifiedAt: t.expose('lastModifiedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Time of the last change. Null if the platform does not report it.',
    }),
  }),
});

const IdentityInput = builder.inputType('IdentityInput', {
  description: 'An identity of a person.',
  fields: (t) => ({
    namespace: t.string({
      required: true,
      description: 'Code of the identity namespace, for example `ECID` or `Email`.',
    }),
    value: t.string({ required: true, description: 'Value of the identity in the namespace.' }),
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
    description: 'The profile of the person with an identity. Null if no person has this identity.',
    args: {
      identity: t.arg({ type: IdentityInput, required: true, description: 'Identity of the person.' }),
      fields: t.arg.stringList({ description: 'Dotted XDM paths of the fields; all fields by default.' }),
      mergePolicyId: t.arg.id({
        description:
          'Global id or platform id of the merge policy; the default merge policy of the sandbox by default.',
      }),
    },
    resolve: (_, args, ctx) => {
      const { identity, fields, mergePolicyId } = parseInput(profileInput, args);
      return ctx.loaders.profile({ ...identity, fields, mergePolicyId });
    },
  }),
);
