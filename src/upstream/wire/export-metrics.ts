import type { ExportMetrics } from '../../domain/export-job.ts';
import type { DecodeContext } from './decode-context.ts';
import { figuresOf, type ReadFigure } from './figures.ts';
import { decodeNamespaceCounts, decodeTimeSpan, decodeTotalTime } from './job.ts';
import { readCount } from './readers.ts';

/**
 * Metrics of an export job. Each is decoded when it is first read. Any subset may be present. A new job has only the
 * start of the total time, or no metrics.
 */
export class LazyExportMetrics implements ExportMetrics {
  readonly #figure: ReadFigure;
  readonly #context: DecodeContext;
  #totalTime: ExportMetrics['totalTime'] | undefined;
  #profileExportTime: ExportMetrics['profileExportTime'] | undefined;
  #datasetWriteTime: ExportMetrics['datasetWriteTime'] | undefined;

  /** @param job the record of the job */
  constructor(job: unknown, context: DecodeContext) {
    this.#figure = figuresOf(job);
    this.#context = context;
  }

  get totalTime(): ExportMetrics['totalTime'] {
    if (this.#totalTime === undefined) this.#totalTime = decodeTotalTime(this.#figure, this.#context);
    return this.#totalTime;
  }

  get profileExportTime(): ExportMetrics['profileExportTime'] {
    if (this.#profileExportTime === undefined) this.#profileExportTime = this.#span('profileExportTime');
    return this.#profileExportTime;
  }

  get datasetWriteTime(): ExportMetrics['datasetWriteTime'] {
    if (this.#datasetWriteTime === undefined) this.#datasetWriteTime = this.#span('aCPDatasetWriteTime');
    return this.#datasetWriteTime;
  }

  get totalExportedProfiles(): ExportMetrics['totalExportedProfiles'] {
    return this.#figure(readCount, 'totalExportedProfileCounter');
  }

  get exportedProfilesByNamespace(): ExportMetrics['exportedProfilesByNamespace'] {
    return this.#figure(decodeNamespaceCounts, 'exportedProfileByNamespaceCounter') ?? [];
  }

  #span(name: string): ExportMetrics['totalTime'] {
    return this.#figure((value) => decodeTimeSpan(value, this.#context), name);
  }
}
