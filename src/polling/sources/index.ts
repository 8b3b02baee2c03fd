// The kinds of entities that can be watched, by their name in `GatewayContext.watch`. One line per kind.
export { batches } from './batches.ts';
export { datasets } from './datasets.ts';
export { exportJobs } from './export-jobs.ts';
export { schedules } from './schedules.ts';
export { segmentJobs } from './segment-jobs.ts';
