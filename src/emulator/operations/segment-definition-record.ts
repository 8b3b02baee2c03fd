import type { JsonObject } from '../json.ts';
import { credential, type EmulatorQuirks } from '../options.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';

/** A segment definition in the API's format. */
export function segmentDefinitionRecord(
  definition: SegmentDefinition,
  sandbox: JsonObject,
  { recordFields }: Pick<EmulatorQuirks, 'recordFields'>,
): JsonObject {
  const { batch, continuous, synchronous } = definition.evaluation;
  return {
    id: definition.id,
    schema: { name: '_xdm.context.profile' },
    profileInstanceId: 'ups',
    imsOrgId: credential.organization,
    sandbox,
    name: definition.name,
    description: definition.description,
    expression: { ...definition.expression },
    evaluationInfo: {
      batch: { enabled: batch },
      continuous: { enabled: continuous },
      synchronous: { enabled: synchronous },
    },
    dataGovernancePolicy: { excludeOptOut: true },
    mergePolicyId: definition.mergePolicyId,
    creationTime: definition.creationTime,
    updateTime: definition.updateTime,
    updateEpoch: Math.floor(definition.updateTime / 1_000),
    ...(recordFields === 'observed' && {
      createEpoch: Math.floor(definition.creationTime / 1_000),
      lifecycleState: 'published',
      _etag: `"${definition.updateTime}"`,
    }),
  };
}
