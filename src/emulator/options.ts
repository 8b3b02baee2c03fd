import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ClockSettings } from './settings/emulator-clock.ts';

/** Shortest and longest duration of a stage, in milliseconds. Where a job falls between them follows from its id. */
export type StageDuration = readonly [shortestMs: number, longestMs: number];

/** How long a job stays in each stage, even when the work itself is done sooner. */
export interface EmulatorPace {
  /** NEW: an export job before it asks for one of the running places, a segment job before it is QUEUED. @default [500, 1_500] */
  readonly newMs: StageDuration;
  /** QUEUED, before a segment job asks for the one place in which segments are evaluated. @default [300, 1_000] */
  readonly queuedMs: StageDuration;
  /** PROCESSING, before a segment job evaluates. @default [1_500, 4_500] */
  readonly segmentingMs: StageDuration;
  /** PROCESSING, while profiles are exported. @default [1_500, 4_500] */
  readonly exportingMs: StageDuration;
  /** PROCESSING, while the dataset is written (`metrics.profileExportTime` has ended). @default [300, 1_000] */
  readonly writingMs: StageDuration;
  /** Between `loaded` and `success` of a batch. Without `checkBatchStatusForSuccess` its job is SUCCEEDED before. @default [200, 800] */
  readonly promotingMs: StageDuration;
  /** CANCELLING, between the request to cancel and CANCELLED. @default [300, 800] */
  readonly cancellingMs: StageDuration;
}

/** Names of paces: export jobs take at most 12 ms besides their work, some seconds, or about a minute. */
export const paceNames = ['fast', 'real', 'slow'] as const;
export type PaceName = (typeof paceNames)[number];

export const defaultPace: EmulatorPace = {
  newMs: [500, 1_500],
  queuedMs: [300, 1_000],
  segmentingMs: [1_500, 4_500],
  exportingMs: [1_500, 4_500],
  writingMs: [300, 1_000],
  promotingMs: [200, 800],
  cancellingMs: [300, 800],
};

/**
 * What the documentation of the platform leaves open or says in two ways. Each default is what real platforms were
 * observed to do or, where nothing was observed, the reading that the newest documentation supports. A test of a tolerant
 * client sets the others.
 */
export interface EmulatorQuirks {
  /** Answer to `DELETE` of an export job or a segment job: 204 without a body, or 200 with `{status, message}`. @default 'empty' */
  readonly cancelReply: 'empty' | 'json';
  /** Spelling of Catalog references: `@/dataSets/{id}` or `@/datasets/{id}`. @default 'dataSets' */
  readonly datasetReference: 'dataSets' | 'datasets';
  /** Key of the dataset in `destination`; `documented`: `dataSetId` on create and get, `datasetId` in lists. @default 'documented' */
  readonly destinationKey: 'documented' | 'datasetId' | 'dataSetId';
  /** `destination.batches`: an array, or the bare object of the API description when there is one entry. @default 'array' */
  readonly destinationBatches: 'array' | 'object';
  /** `destination.batches[].status`: always an array, or a bare string when it has one value. @default 'array' */
  readonly batchSegmentStatus: 'array' | 'string';
  /** Statuses that select a member of a segment when the request names none. @default ['realized'] */
  readonly defaultSegmentStatus: readonly string[];
  /** Records on a page of export jobs when `limit` is not given. @default 100 */
  readonly exportJobsDefaultLimit: number;
  /** Most records on a page of export jobs; a higher `limit` is lowered to it. @default 1_000 */
  readonly exportJobsMaximumLimit: number;
  /** Number of the first page for `page=` on export jobs. @default 0 */
  readonly exportJobsFirstPage: 0 | 1;
  /** What `start=` counts on export jobs. @default 'row' */
  readonly exportJobsStart: 'row' | 'page';
  /** Whether the request header `x-request-id` becomes `requestId` of the job that the request creates. @default false */
  readonly echoRequestId: boolean;
  /** Status when `destination.datasetId` names no dataset of the sandbox. @default 404 */
  readonly unknownDatasetStatus: 400 | 404;
  /** Ids in a comma-separated Catalog path that exist nowhere: left out, or the whole answer is 404. @default 'skip' */
  readonly unknownIdsInList: 'skip' | 'not-found';
  /** `DELETE` of a dataset that does not exist: 200 with `[]`, or 404. @default 'empty-list' */
  readonly unknownDatasetDelete: 'empty-list' | 'not-found';
  /** Sandbox of a request without `x-sandbox-name`; null answers 400. @default 'prod' */
  readonly defaultSandbox: string | null;
  /** Status when `x-sandbox-name` names no sandbox. @default 403 */
  readonly unknownSandboxStatus: 400 | 403 | 404;
  /** Errors of the services without a body, as their API descriptions say; the API gateway's keep theirs. @default false */
  readonly emptyErrorBodies: boolean;
  /** Origin of the absolute links of Data Access and sandboxes: that of the request, or `https://platform.adobe.io:443`. @default 'request' */
  readonly linkOrigin: 'request' | 'platform';
  /** `_links.next` of sandbox lists: a template with braces, or left out. @default 'template' */
  readonly sandboxNextLink: 'template' | 'absent';
  /** What a member that stays in a segment is: `existing`, or still `realized`, as in the platform's newer model. @default 'three-state' */
  readonly membershipModel: 'three-state' | 'two-state';
  /** What `start=` counts on schedules and segment jobs. @default 'page' */
  readonly childrenStart: 'page' | 'row';
  /** Number of the first page for `page=` on segment definitions. @default 0 */
  readonly segmentDefinitionsFirstPage: 0 | 1;
  /** Where only one schedule can be: a sandbox, the organization (all sandboxes), or nowhere. @default 'sandbox' */
  readonly oneSchedulePer: 'sandbox' | 'organization' | 'nothing';
  /** Whether a schedule can be changed by `POST` as well, as the tutorial on evaluating segments shows it. @default false */
  readonly postUpdatesSchedule: boolean;
  /**
   * The limits of contracts with flexible audience evaluation: 20 segments in a job (400), and for a sandbox 2 jobs a day
   * and 50 (production) or 100 (development) a year that were not made by a schedule (429). @default false
   */
  readonly flexibleEvaluation: boolean;
  /** Status when a segment job names a segment that has no definition; null accepts the job, which then ends FAILED. @default null */
  readonly unknownSegmentStatus: 400 | 404 | null;
  /** Who is not known, in `POST /access/entities`: an empty entity of 1970, no entry, or an error in a 207. @default 'empty' */
  readonly unknownEntity: 'empty' | 'absent' | 'multi-status';
  /** Identities in a profile above which profile access answers 422 (`GET`), or an error in a 207 (`POST`). @default 50 */
  readonly maximumGraphIdentities: number;
  /** A 207 of profile access: only the errors, as the API description has it, or the found profiles in the same list. @default 'errors' */
  readonly multiStatusEntities: 'errors' | 'errors-and-profiles';
  /** Requests to profile access in one second; more are 429 with `retryAfterMs`. Null does not limit them. @default null */
  readonly entitiesPerSecond: number | null;
  /**
   * Fields of datasets, batches, schedules and new segment jobs: those of recorded responses, or only those that the
   * documentation has. @default 'observed'
   */
  readonly recordFields: 'observed' | 'documented';
  /**
   * Counts, size and times of a batch: only in `metrics`, as in recorded responses, or at the top level too, as in the
   * API description. @default 'metrics'
   */
  readonly batchCounts: 'metrics' | 'top-level';
  /** Parameters in the link to the next page of events: `start` and, for clients that read it, `offsets`. @default 'start-and-offsets' */
  readonly eventsNextLink: 'start' | 'start-and-offsets';
  /** Life of an access token, in seconds. @default 86_399 */
  readonly tokenLifetimeSeconds: number;
  /** Unit of `expires_in`: seconds (OAuth) or milliseconds (the retired JWT exchange). @default 'seconds' */
  readonly expiresInUnit: 'seconds' | 'milliseconds';
}

export const defaultQuirks: EmulatorQuirks = {
  cancelReply: 'empty',
  datasetReference: 'dataSets',
  destinationKey: 'documented',
  destinationBatches: 'array',
  batchSegmentStatus: 'array',
  defaultSegmentStatus: ['realized'],
  exportJobsDefaultLimit: 100,
  exportJobsMaximumLimit: 1_000,
  exportJobsFirstPage: 0,
  exportJobsStart: 'row',
  echoRequestId: false,
  unknownDatasetStatus: 404,
  unknownIdsInList: 'skip',
  unknownDatasetDelete: 'empty-list',
  defaultSandbox: 'prod',
  unknownSandboxStatus: 403,
  emptyErrorBodies: false,
  linkOrigin: 'request',
  sandboxNextLink: 'template',
  membershipModel: 'three-state',
  childrenStart: 'page',
  segmentDefinitionsFirstPage: 0,
  oneSchedulePer: 'sandbox',
  postUpdatesSchedule: false,
  flexibleEvaluation: false,
  unknownSegmentStatus: null,
  unknownEntity: 'empty',
  maximumGraphIdentities: 50,
  multiStatusEntities: 'errors',
  entitiesPerSecond: null,
  recordFields: 'observed',
  batchCounts: 'metrics',
  eventsNextLink: 'start-and-offsets',
  tokenLifetimeSeconds: 86_399,
  expiresInUnit: 'seconds',
};

export interface EmulatorOptions {
  /** Address to listen on. @default '127.0.0.1' */
  host?: string;
  /** Port to listen on; 0 takes any free one. @default 0 */
  port?: number;
  /** Folder that keeps the state. Without it a temporary folder is used and removed on close. */
  directory?: string;
  /** Profiles seeded into the sandbox `prod`; `dev` gets a tenth of them. Read only when the folder is new. @default 10_000 */
  profiles?: number;
  /** Same seed, same data. Read only when the folder is new. @default 1 */
  seed?: number;
  /**
   * Folder with a `manifest.json` and files of profiles, events, segments and datasets, in place of generated data. Read
   * only when the state folder is new.
   */
  seedFolder?: string;
  /**
   * Secrets with which the one client may ask for tokens. The platform, too, takes several while one is being replaced.
   * @default ['emulator']
   */
  clientSecrets?: readonly string[];
  /** Clock of the program that starts the emulator. With it, `time` has no effect and the clock cannot be moved from outside. */
  clock?: Clock;
  /** How the emulator's own clock runs. @default at the time and the rate of the machine */
  time?: ClockSettings;
  /**
   * Token with which callers on other machines may use the admin endpoints (`Authorization: Bearer …`).
   * @default none: only callers on this machine may use them
   */
  adminToken?: string;
  /** @default a logger of level `warn` on standard error */
  logger?: Logger;
  /** A named pace, or durations of stages; stages that are not named keep their default. @default 'real' */
  pace?: PaceName | Partial<EmulatorPace>;
  /** Quirks that are not named keep their default. */
  quirks?: Partial<EmulatorQuirks>;
  /** Export jobs that are PROCESSING at the same time; the others wait in NEW. @default 2 */
  concurrentExports?: number;
  /** Memory that DuckDB may use, in MiB. @default 1_024 */
  memoryLimitMiB?: number;
  /** Gives up the start when it aborts; a seeding is interrupted and undone. Has no effect after the start. */
  signal?: AbortSignal;
}

/** One request that was answered. */
export interface RecordedRequest {
  /** Counts all requests from 1, also those that were cleared. */
  readonly number: number;
  /** When the response began, by the clock of the emulator. */
  readonly time: Date;
  readonly method: string;
  /** Path with query, as sent. Values of credentials in the query are replaced by `***`. */
  readonly path: string;
  /** 0 when a scripted fault ended the connection without an answer, or the caller left before one with a fault. */
  readonly status: number;
  /** `x-request-id` of the response: that of the request, or a new one. */
  readonly requestId: string;
  /** The header `x-sandbox-name`, as sent; null when it is absent. */
  readonly sandbox: string | null;
}

/** The one credential and organization that the emulator knows. */
export const credential = {
  clientId: 'emulator',
  clientSecret: 'emulator',
  organization: '0123456789ABCDEF01234567@AdobeOrg',
} as const;
