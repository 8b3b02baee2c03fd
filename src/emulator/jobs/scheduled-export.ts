import { isJsonObject, type JsonObject } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import { isOnUnionSchema } from '../store/catalog-documents.ts';
import type { PlatformRecords } from '../store/platform-store.ts';
import { parseExportRequest, type ReceivedExportRequest } from './export-request.ts';
import { everySegment } from './segment-snapshots.ts';

/**
 * The export of a schedule of the type `export`. What its `properties` hold is not documented; here they are the body of
 * `POST /export/jobs`, of which everything may be left out: the schema is that of profiles, the dataset the one given,
 * and `segments`, a list of ids as schedules of segmentations have it, selects their members (`*` or none: everyone).
 * @param datasetId of an export that names none; null when there is none, which makes a dataset necessary
 * @throws {PlatformError} 400, naming everything that is wrong
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

/** The dataset of exports that name none: the oldest of the sandbox that takes exports. */
export async function defaultExportDataset(
  { datasets }: Pick<PlatformRecords, 'datasets'>,
  sandbox: string,
): Promise<string | null> {
  const candidates = (await datasets.list(sandbox)).filter(({ document }) => isOnUnionSchema(document));
  return candidates.toSorted((a, b) => a.created - b.created)[0]?.id ?? null;
}
