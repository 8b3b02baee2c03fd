/** Which runs the page shows. It is in the URL. */
export interface Selection {
  readonly of: 'export-jobs' | 'segment-jobs';
  /** Platform id of a job. Only runs of the same request are shown. */
  readonly job: string | null;
  /** Platform id of the dataset of export jobs. */
  readonly dataset: string | null;
  /** Platform id of the schedule of segment jobs. */
  readonly schedule: string | null;
  /** Platform id of a segment. */
  readonly segment: string | null;
}

const names = ['job', 'dataset', 'schedule', 'segment'] as const;

/** Reads the selection of a URL. A job determines the rest. */
export function selectionOf(params: URLSearchParams): Selection {
  const of = params.get('of') === 'segment-jobs' ? 'segment-jobs' : 'export-jobs';
  const job = params.get('job') || null;
  const read = (name: (typeof names)[number]) => (job === null ? params.get(name) || null : null);
  return {
    of,
    job,
    dataset: of === 'export-jobs' ? read('dataset') : null,
    schedule: of === 'segment-jobs' ? read('schedule') : null,
    segment: read('segment'),
  };
}

/** Writes a selection into the parameters of a URL, and keeps its other parameters. */
export function withSelection(params: URLSearchParams, selection: Selection): URLSearchParams {
  const changed = new URLSearchParams(params);
  for (const name of names) {
    const value = selection[name];
    if (value === null) changed.delete(name);
    else changed.set(name, value);
  }
  if (selection.of === 'export-jobs') changed.delete('of');
  else changed.set('of', selection.of);
  return changed;
}

export const allRuns = (of: Selection['of']): Selection => ({
  of,
  job: null,
  dataset: null,
  schedule: null,
  segment: null,
});
