import { label, type MetricDefinitions } from './definitions.ts';

/** Reports of file downloads. */
export type DownloadMetrics = ReturnType<typeof defineDownloadMetrics>;

export function defineDownloadMetrics(define: MetricDefinitions) {
  const running = define.gauge({
    name: 'aep_downloads',
    help: 'Requests for files that are being served.',
    labels: {},
  });
  const ended = define.counter({
    name: 'aep_downloads_total',
    help: 'Requests for files that have ended; "left": the client left, "failed": an error was returned or the file was cut off.',
    labels: { outcome: label<'complete' | 'left' | 'failed'>() },
  });
  const bytes = define.counter({
    name: 'aep_download_bytes_total',
    help: 'Bytes of files that were written to clients.',
    labels: {},
  });
  return {
    /** One more request is served, until `ended`. */
    began: (): void => running({}, 1),
    ended: (outcome: 'complete' | 'left' | 'failed'): void => {
      running({}, -1);
      ended({ outcome });
    },
    sent: (count: number): void => bytes({}, count),
  };
}
