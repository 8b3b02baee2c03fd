import type { ExportMetrics } from '../../domain/export-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { figuresOf } from './figures.ts';
import { decodeNamespaceCounts, decodeTimeSpan, decodeTotalTime } from './job.ts';
import { readCount } from './readers.ts';

/** Any subset of the metrics may be there: on a new job only the start of the total time, or nothing. */
export function decodeExportMetrics(job: unknown, context: DecodeContext): ExportMetrics {
  const figure = figuresOf(job);
  const span = (value: unknown) => decodeTimeSpan(value, context);
  return {
    totalTime: decodeTotalTime(figure, context),
    profileExportTime: figure(span, 'profileExportTime'),
    datasetWriteTime: figure(span, 'aCPDatasetWriteTime'),
    totalExportedProfiles: figure(readCount, 'totalExportedProfileCounter'),
    exportedProfilesByNamespace: figure(decodeNamespaceCounts, 'exportedProfileByNamespaceCounter') ?? [],
  };
}
