import type { JsonObject } from '../json.ts';
import type { PlatformRecords } from '../store/platform-store.ts';

/** The `sandbox` in the records of the profile service. */
export async function embeddedSandbox(
  name: string,
  { sandboxes }: Pick<PlatformRecords, 'sandboxes'>,
): Promise<JsonObject> {
  const sandbox = await sandboxes.find(name);
  return {
    sandboxId: sandbox?.id,
    sandboxName: name,
    type: sandbox?.type,
    default: sandbox?.isDefault,
  };
}
