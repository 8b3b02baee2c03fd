/**
 * Paths of the pages. The gateway serves the console at each of them, and below those that end with a slash; the build
 * writes them into its manifest.
 */
export const pages = {
  board: '/',
  newExport: '/exports/new',
  exportJobs: '/exports/',
  segmentJobs: '/segment-jobs',
  segmentJob: '/segment-jobs/',
  schedules: '/schedules',
  history: '/history',
} as const;

/** Path of the page of an entity. @param platformId the platform's id, which is short and the same in all tools */
export const exportJobPath = (platformId: string): string => `${pages.exportJobs}${encodeURIComponent(platformId)}`;
export const segmentJobPath = (platformId: string): string => `${pages.segmentJob}${encodeURIComponent(platformId)}`;

/** Path of the form of a new export. @param job platform id of a job whose request fills the form */
export const newExportPath = (job: string): string => `${pages.newExport}?${new URLSearchParams({ job })}`;

/** Path of the history of runs. @param job platform id of a job: only runs of the same request, or of its schedule */
export const historyPath = (of: 'export-jobs' | 'segment-jobs', job: string): string =>
  `${pages.history}?${new URLSearchParams({ ...(of === 'export-jobs' ? {} : { of }), job })}`;
export const scheduleHistoryPath = (schedule: string): string =>
  `${pages.history}?${new URLSearchParams({ of: 'segment-jobs', schedule })}`;
