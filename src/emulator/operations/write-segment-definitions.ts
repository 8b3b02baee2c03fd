import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { findMergePolicy } from '../catalog/find-merge-policy.ts';
import { seededMergePolicies } from '../catalog/population.ts';
import { type Call, json, type Operation } from '../http/operation.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import type { SegmentDefinition } from '../store/platform-store-segment-definitions.ts';
import { embeddedSandbox } from './embedded-sandbox.ts';
import { findSegmentDefinition } from './read-segment-definitions.ts';
import { segmentDefinitionRecord } from './segment-definition-record.ts';
import { invalid } from './ups-query.ts';

const method = z.looseObject({ enabled: z.boolean() });

const definitionBody = z.looseObject({
  name: z.string().trim().min(1),
  description: z.string().optional(),
  schema: z.looseObject({ name: z.literal('_xdm.context.profile') }),
  expression: z.looseObject({ type: z.enum(['PQL', 'ARL']), format: z.string().min(1), value: z.string().min(1) }),
  mergePolicyId: z
    .string()
    .refine((id) => seededMergePolicies.some((policy) => policy.id === id), 'is no merge policy')
    .optional(),
  evaluationInfo: z
    .looseObject({ batch: method.optional(), continuous: method.optional(), synchronous: method.optional() })
    .optional(),
});

const definitionPatch = definitionBody.partial();

type DefinitionBody = z.infer<typeof definitionPatch>;

/**
 * `POST /segment/definitions`. The expression is not validated. If it cannot be evaluated, the job that evaluates it
 * fails.
 */
export const createSegmentDefinition: Operation = async (call, { store, clock, quirks }) => {
  const body = parse(definitionBody, call);
  const now = clock.now().getTime();
  const blank = {
    id: randomUUID(),
    name: '',
    description: '',
    expression: { type: 'PQL', format: 'pql/text', value: '' },
    mergePolicyId: findMergePolicy(null).id,
    evaluation: { batch: true, continuous: false, synchronous: false },
    creationTime: now,
    updateTime: now,
  };
  const definition = changed(blank, body, now);
  await store.transaction(async (records) => {
    await checkName(records, call.sandbox, definition);
    await records.segmentDefinitions.insert(call.sandbox, [definition]);
  });
  return json(segmentDefinitionRecord(definition, await embeddedSandbox(call.sandbox, store), quirks));
};

/** `PATCH /segment/definitions/{id}`: the members of the body replace the stored members. */
export const patchSegmentDefinition: Operation = async (call, { store, clock, quirks }) => {
  const body = parse(definitionPatch, call);
  const definition = await store.transaction(async (records) => {
    const patched = changed(await findSegmentDefinition(call, records), body, clock.now().getTime());
    await checkName(records, call.sandbox, patched);
    await records.segmentDefinitions.update(call.sandbox, patched);
    return patched;
  });
  return json(segmentDefinitionRecord(definition, await embeddedSandbox(call.sandbox, store), quirks));
};

/** `DELETE /segment/definitions/{id}`. Memberships from the last evaluation remain. */
export const deleteSegmentDefinition: Operation = async (call, { store }) => {
  await store.transaction(async (records) => {
    const { id } = await findSegmentDefinition(call, records);
    await records.segmentDefinitions.delete(call.sandbox, id);
  });
  return json({ status: true, message: 'Segment definition has been deleted' });
};

/** @throws {PlatformError} 400 */
function parse<T>(schema: z.ZodType<T>, { body }: Call): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; '));
}

function changed(definition: SegmentDefinition, body: DefinitionBody, now: number): SegmentDefinition {
  const { name, description, expression, mergePolicyId, evaluationInfo } = body;
  return {
    ...definition,
    name: name ?? definition.name,
    description: description ?? definition.description,
    expression: expression
      ? { type: expression.type, format: expression.format, value: expression.value }
      : definition.expression,
    mergePolicyId: mergePolicyId ?? definition.mergePolicyId,
    evaluation: evaluationInfo
      ? {
          batch: evaluationInfo.batch?.enabled ?? false,
          continuous: evaluationInfo.continuous?.enabled ?? false,
          synchronous: evaluationInfo.synchronous?.enabled ?? false,
        }
      : definition.evaluation,
    updateTime: now,
  };
}

/** @throws {PlatformError} 400 when another definition of the sandbox has the name */
async function checkName(
  { segmentDefinitions }: Pick<PlatformRecords, 'segmentDefinitions'>,
  sandbox: string,
  { id, name }: SegmentDefinition,
): Promise<void> {
  const taken = (await segmentDefinitions.list(sandbox)).some((other) => other.name === name && other.id !== id);
  if (taken) throw invalid(`name: there is a segment definition called ${JSON.stringify(name)} already`);
}
