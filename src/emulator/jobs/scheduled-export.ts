import { isJsonObject, type JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import { isOnUnionSchema } from '../store/catalog-documents.ts';
import type { ReceivedExportRequest } from '../store/export-request.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import { parseExportRequest } from './export-request.ts';
import { everySegment } from './segment-snapshots.ts';

/**
 * The export request of a schedule with type `export`. The platform does not document its `properties`. Here they are
 * the body of `POST /export/jobs` with all members optional. The schema defaults to profiles and the dataset to
 * `datasetId`. `segments` is a list of ids, as in schedules for segmentation, and selects the members of these
 * segments; `*` or no list selects all profiles.
 * @param datasetId default dataset; null when there is none, which makes the dataset a required property
 * @throws {PlatformError} 400 with all issues
 */
export function parseScheduledExport(
  properties: JsonObject,
  datasetId: string | null,
  quirks: Pick<EmulatorQuirks, 'defaultSegmentStatus'>,
): ReceivedExportRequest {
  const { segments, ...request } = properties;
  const ids = Array.isArray(segments) ? segments.map(String).filter((id) => id !== everySegment) : [];
  const destination = isJsonObject(request['destination']) ? request['destination'] : {};
  const filter = isJsonObject(request['filter']) ? request['filter'] : {};
  return parseExportRequest(
    {
      schema: { name: '_xdm.context.profile' },
      ...request,
      destination: datasetId === null ? destination : { datasetId, ...destination },
      ...(ids.length > 0 && { filter: { segments: ids.map((segmentId) => ({ segmentId })), ...filter } }),
    },
    quirks,
  );
}

/** Default dataset of exports: the oldest dataset of the sandbox to which profiles can be exported. */
export async function defaultExportDataset(
  { datasets }: Pick<PlatformRecords, 'datasets'>,
  sandbox: string,
): Promise<string | null> {
  const candidates = (await datasets.list(sandbox)).filter(({ document }) => isOnUnionSchema(document));
  return candidates.toSorted((a, b) => a.created - b.created)[0]?.id ?? null;
}
