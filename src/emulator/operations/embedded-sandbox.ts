import type { JsonObject } from '../json.ts';
import type { PlatformRecords } from '../store/platform-store.ts';

/** The `sandbox` member of the profile service's records. */
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
