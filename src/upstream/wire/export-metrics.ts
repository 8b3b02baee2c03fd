import type { ExportMetrics } from '../../domain/export-job.ts';
import { decodeNamespaceCounts, decodeTimeSpan } from './job.ts';
import { asRecord, readCount } from './readers.ts';

type MetricsKey =
  | 'totalTime'
  | 'profileExportTime'
  | 'aCPDatasetWriteTime'
  | 'totalExportedProfileCounter'
  | 'exportedProfileByNamespaceCounter';

/** Any subset of the metrics may be there: on a new job only the start of the total time, or nothing. */
export function decodeExportMetrics(value: unknown): ExportMetrics {
  const metrics = asRecord<MetricsKey>(value) ?? {};
  return {
    totalTime: decodeTimeSpan(metrics.totalTime),
    profileExportTime: decodeTimeSpan(metrics.profileExportTime),
    datasetWriteTime: decodeTimeSpan(metrics.aCPDatasetWriteTime),
    totalExportedProfiles: readCount(metrics.totalExportedProfileCounter),
    exportedProfilesByNamespace: decodeNamespaceCounts(metrics.exportedProfileByNamespaceCounter),
  };
}
