import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ClockSettings } from './settings/emulator-clock.ts';

/**
 * Shortest and longest duration of a stage, in milliseconds. The id of a job determines its duration within this range.
 */
export type StageDuration = readonly [shortestMs: number, longestMs: number];

/** Minimum time that a job stays in each stage, even if the work itself is done sooner. */
export interface EmulatorPace {
  /**
   * NEW: before an export job requests one of the running slots, or before a segment job becomes QUEUED. @default [500,
   * 1_500]
   */
  readonly newMs: StageDuration;
  /** QUEUED: before a segment job requests the only evaluation slot. @default [300, 1_000] */
  readonly queuedMs: StageDuration;
  /** PROCESSING: before a segment job evaluates its segments. @default [1_500, 4_500] */
  readonly segmentingMs: StageDuration;
  /** PROCESSING: while profiles are exported. @default [1_500, 4_500] */
  readonly exportingMs: StageDuration;
  /** PROCESSING: while the dataset is written, after `metrics.profileExportTime` has ended. @default [300, 1_000] */
  readonly writingMs: StageDuration;
  /**
   * Between `loaded` and `success` of a batch. Its job is SUCCEEDED before this stage, unless
   * `checkBatchStatusForSuccess` is set. @default [200, 800]
   */
  readonly promotingMs: StageDuration;
  /** CANCELLING: between the cancel request and CANCELLED. @default [300, 800] */
  readonly cancellingMs: StageDuration;
}

/** Names of paces. An export job takes at most 12 ms in addition to its work, some seconds, or about a minute. */
export const paceNames = ['fast', 'real', 'slow'] as const;
export type PaceName = (typeof paceNames)[number];

/** Its stages are `defaultPace`. */
export const defaultPaceName: PaceName = 'real';

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
 * Settings for behaviour on which the platform's documentation is silent or contradicts itself. Each default is the
 * observed behaviour of real platforms or, without an observation, the interpretation that the newest documentation
 * supports. Tests of a tolerant client use the other values.
 */
export interface EmulatorQuirks {
  /**
   * Response to `DELETE` of an export job or a segment job: 204 without a body, or 200 with `{status, message}`.
   * @default 'empty'
   */
  readonly cancelReply: 'empty' | 'json';
  /** Spelling of Catalog references: `@/dataSets/{id}` or `@/datasets/{id}`. @default 'dataSets' */
  readonly datasetReference: 'dataSets' | 'datasets';
  /**
   * Key of the dataset in `destination`. `documented` is `dataSetId` on create and get, `datasetId` in lists. @default
   * 'documented'
   */
  readonly destinationKey: 'documented' | 'datasetId' | 'dataSetId';
  /**
   * `destination.batches`: an array, or the plain object of the API description if there is one entry. @default 'array'
   */
  readonly destinationBatches: 'array' | 'object';
  /** `destination.batches[].status`: always an array, or a plain string if there is one value. @default 'array' */
  readonly batchSegmentStatus: 'array' | 'string';
  /** Statuses that select a member of a segment if the request names none. @default ['realized'] */
  readonly defaultSegmentStatus: readonly string[];
  /** Number of records on a page of export jobs without `limit`. @default 100 */
  readonly exportJobsDefaultLimit: number;
  /** Maximum number of records on a page of export jobs. A higher `limit` is reduced to it. @default 1_000 */
  readonly exportJobsMaximumLimit: number;
  /** Number of the first page for `page=` on export jobs. @default 0 */
  readonly exportJobsFirstPage: 0 | 1;
  /** Unit of `start=` on export jobs. @default 'row' */
  readonly exportJobsStart: 'row' | 'page';
  /** Whether the request header `x-request-id` becomes `requestId` of the job that the request creates. @default false */
  readonly echoRequestId: boolean;
  /** Status when `destination.datasetId` names no dataset of the sandbox. @default 404 */
  readonly unknownDatasetStatus: 400 | 404;
  /** Unknown ids in a comma-separated Catalog path: omitted, or the whole response is 404. @default 'skip' */
  readonly unknownIdsInList: 'skip' | 'not-found';
  /** `DELETE` of a dataset that does not exist: 200 with `[]`, or 404. @default 'empty-list' */
  readonly unknownDatasetDelete: 'empty-list' | 'not-found';
  /** Sandbox of a request without `x-sandbox-name`; null = the request is rejected with 400. @default 'prod' */
  readonly defaultSandbox: string | null;
  /** Status when `x-sandbox-name` names no sandbox. @default 403 */
  readonly unknownSandboxStatus: 400 | 403 | 404;
  /**
   * Whether errors of the services have no body, as in their API descriptions. Errors of the API gateway keep their
   * body. @default false
   */
  readonly emptyErrorBodies: boolean;
  /**
   * Origin of absolute links in Data Access and sandboxes: the origin of the request, or
   * `https://platform.adobe.io:443`. @default 'request'
   */
  readonly linkOrigin: 'request' | 'platform';
  /** `_links.next` of sandbox lists: a URI template, or absent. @default 'template' */
  readonly sandboxNextLink: 'template' | 'absent';
  /**
   * Status of a member that stays in a segment: `existing` (`three-state`), or `realized` as in the platform's newer
   * model (`two-state`). @default 'three-state'
   */
  readonly membershipModel: 'three-state' | 'two-state';
  /** Unit of `start=` on schedules and segment jobs. @default 'page' */
  readonly childrenStart: 'page' | 'row';
  /** Number of the first page for `page=` on segment definitions. @default 0 */
  readonly segmentDefinitionsFirstPage: 0 | 1;
  /**
   * Scope that can have only one schedule: a sandbox, the organization (all sandboxes), or no limit. @default 'sandbox'
   */
  readonly oneSchedulePer: 'sandbox' | 'organization' | 'nothing';
  /** Whether `POST` also updates a schedule, as in the tutorial on evaluating segments. @default false */
  readonly postUpdatesSchedule: boolean;
  /**
   * Whether the limits of contracts with flexible audience evaluation apply: at most 20 segments per job, each named
   * and not `*` (400), and per sandbox 2 jobs a day and 50 (production) or 100 (development) jobs a year, without jobs
   * created by a schedule (429). @default false
   */
  readonly flexibleEvaluation: boolean;
  /** Status when a segment job names an unknown segment; null = the job is accepted and ends FAILED. @default null */
  readonly unknownSegmentStatus: 400 | 404 | null;
  /**
   * Result for an unknown identity in `POST /access/entities`: an empty entity of 1970, no entry, or an error in a 207.
   * @default 'empty'
   */
  readonly unknownEntity: 'empty' | 'absent' | 'multi-status';
  /**
   * Maximum number of identities in a profile. Above it, profile access responds with 422 (`GET`) or with an error in a
   * 207 (`POST`). @default 50
   */
  readonly maximumGraphIdentities: number;
  /**
   * Content of a 207 of profile access: only the errors, as in the API description, or the found profiles as well.
   * @default 'errors'
   */
  readonly multiStatusEntities: 'errors' | 'errors-and-profiles';
  /**
   * Maximum number of requests to profile access per second; more get 429 with `retryAfterMs`. null = unlimited.
   * @default null
   */
  readonly entitiesPerSecond: number | null;
  /**
   * Fields of datasets, batches, schedules and new segment jobs: the fields of recorded responses, or only the
   * documented fields. @default 'observed'
   */
  readonly recordFields: 'observed' | 'documented';
  /**
   * Location of a batch's counts, size and times: `metrics`, as in recorded responses, or the top level, as in the API
   * description. @default 'metrics'
   */
  readonly batchCounts: 'metrics' | 'top-level';
  /**
   * Parameters in the link to the next page of events: `start` and, for clients that read it, `offsets`. @default
   * 'start-and-offsets'
   */
  readonly eventsNextLink: 'start' | 'start-and-offsets';
  /** Lifetime of an access token, in seconds. @default 86_399 */
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

/** Data of an emulator that receives no other settings. */
export const defaultSeeding = { profiles: 10_000, seed: 1 } as const;

export interface EmulatorOptions {
  /** Address to listen on. @default '127.0.0.1' */
  host?: string;
  /** Port to listen on; 0 takes any free one. @default 0 */
  port?: number;
  /** Folder for the persistent state. Without it, a temporary folder is used and removed on close. */
  directory?: string;
  /**
   * Number of profiles seeded into the sandbox `prod`; `dev` gets a tenth of it. Read only when the folder is new.
   * @default `defaultSeeding.profiles`
   */
  profiles?: number;
  /** Random seed of the generated data. Equal seeds give equal data. Read only when the folder is new. @default `defaultSeeding.seed` */
  seed?: number;
  /**
   * Folder with a `manifest.json` and files of profiles, events, segments and datasets, which replace the generated
   * data. Read only when the state folder is new.
   */
  seedFolder?: string;
  /**
   * Valid secrets of the only client. Several secrets can be valid at once, as on the platform while a secret is being
   * replaced.
   * @default ['emulator']
   */
  clientSecrets?: readonly string[];
  /**
   * Clock supplied by the program that starts the emulator. If set, `time` is ignored and the clock cannot be moved
   * from outside.
   */
  clock?: Clock;
  /** Settings of the emulator's own clock. @default the time and the rate of the machine */
  time?: ClockSettings;
  /**
   * Token that allows callers on other machines to use the admin endpoints (`Authorization: Bearer …`).
   * @default none: only callers on this machine may use them
   */
  adminToken?: string;
  /** @default a logger with level `warn` on standard error */
  logger?: Logger;
  /** A named pace, or durations per stage. Omitted stages keep their default. @default `defaultPaceName` */
  pace?: PaceName | Partial<EmulatorPace>;
  /** Values of quirks. Omitted quirks keep their default. */
  quirks?: Partial<EmulatorQuirks>;
  /** Maximum number of export jobs that are PROCESSING at the same time; the others wait in NEW. @default 2 */
  concurrentExports?: number;
  /** Memory limit of DuckDB, in MiB. @default 1_024 */
  memoryLimitMiB?: number;
  /** Aborts the start. A running seeding is interrupted and rolled back. The signal has no effect after the start. */
  signal?: AbortSignal;
}

/** One answered request. */
export interface RecordedRequest {
  /** Sequence number of the request, starting at 1. Cleared requests keep their numbers. */
  readonly number: number;
  /** Start of the response, by the emulator's clock. */
  readonly time: Date;
  readonly method: string;
  /** Path with query, as sent. Credentials in the query are replaced by `***`. */
  readonly path: string;
  /**
   * HTTP status. It is 0 when a scripted fault ended the connection without a response, or when the caller disconnected
   * before a response with a fault.
   */
  readonly status: number;
  /** `x-request-id` of the response: copied from the request, or generated. */
  readonly requestId: string;
  /** The header `x-sandbox-name`, as sent; null when it is absent. */
  readonly sandbox: string | null;
}

/** The only credential and organization that the emulator accepts. */
export const credential = {
  clientId: 'emulator',
  clientSecret: 'emulator',
  organization: '0123456789ABCDEF01234567@AdobeOrg',
} as const;
