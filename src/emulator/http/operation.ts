import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { BatchFolders } from '../jobs/batch-folder.ts';
import type { ExportJobRunner } from '../jobs/export-job-runner.ts';
import type { PastBatchFiles } from '../jobs/past-batch-files.ts';
import type { Scheduler } from '../jobs/scheduler.ts';
import type { SegmentJobRunner } from '../jobs/segment-job-runner.ts';
import type { JsonValue } from '../json.ts';
import type { EmulatorQuirks } from '../options.ts';
import type { Database } from '../store/connection.ts';
import type { PlatformStore } from '../store/platform-store.ts';
import type { AccessTokens } from '../store/platform-store-tokens.ts';
import type { RequestRate } from './request-rate.ts';

/** A request that passed the checks in front of the services. */
export interface Call {
  readonly method: string;
  /** Placeholders of the route, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Returns a request header by lower-case name; null when it is absent. */
  header(name: string): string | null;
  /** The parsed JSON body; undefined when the request has none. Form bodies are `URLSearchParams`. */
  readonly body: unknown;
  /** Media type of the body without parameters, lower case; null when there is none. */
  readonly contentType: string | null;
  /** The sandbox that the request names, or the default sandbox. It exists. Empty where no sandbox applies. */
  readonly sandbox: string;
  /** Origin for absolute links, without a trailing slash. */
  readonly origin: string;
  /** Path without query, as sent. */
  readonly path: string;
  readonly requestId: string;
}

/** Services and settings that operations use. */
export interface Platform {
  readonly store: PlatformStore;
  readonly tokens: AccessTokens;
  readonly clientSecrets: readonly string[];
  readonly database: Database;
  readonly runner: ExportJobRunner;
  readonly segmentJobs: SegmentJobRunner;
  readonly scheduler: Scheduler;
  readonly entityRequests: RequestRate;
  readonly pastBatchFiles: PastBatchFiles;
  readonly folders: BatchFolders;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quirks: EmulatorQuirks;
}

export type Headers = Readonly<Record<string, string>>;

export type Reply =
  | { readonly kind: 'json'; readonly status: number; readonly body: JsonValue; readonly headers?: Headers }
  | { readonly kind: 'empty'; readonly status: number; readonly headers?: Headers }
  /** Bytes `start` to `end` of a file, both inclusive; `headers` include their number. */
  | {
      readonly kind: 'file';
      readonly status: number;
      readonly path: string;
      readonly start: number;
      readonly end: number;
      readonly headers: Headers;
    };

/** @throws {PlatformError} to answer with an error; any other error becomes a 500 and is logged */
export type Operation = (call: Call, platform: Platform) => Promise<Reply>;

export function json(body: JsonValue, headers: Headers = {}): Reply {
  return { kind: 'json', status: 200, body, headers };
}
