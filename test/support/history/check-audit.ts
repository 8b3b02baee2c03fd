import type { RecordedRequest } from '../../../src/emulator/emulator.ts';
import type { AuditLine } from '../audit-line.ts';
import { groupBy } from '../group-by.ts';
import type { Violation } from './violation.ts';

type Entity = AuditLine['entity'];
type Action = AuditLine['action'];

/** What is known about the changes of a run without the audit log. */
export interface AuditTruth {
  /** `x-request-id` of each mutation that a client sent. The gateway alone sent writes to the platform. */
  readonly mutations: readonly string[];
  /** The platform's record of all requests, in order and from the first one on. */
  readonly requests: readonly RecordedRequest[];
  /** Platform ids of the entities that did not exist before the run and exist after it. */
  readonly made: Readonly<Record<Entity, readonly string[]>>;
}

/** One write, as both sides identify it. */
interface Write {
  /** `x-request-id` of the caller's request. */
  readonly requestId: string;
  readonly action: Action;
  readonly entity: Entity;
  /** Platform id of the changed entity; null for a create. */
  readonly id: string | null;
}

/** Path of each collection. The path of one entity is this path, a slash and its id. */
const collections: readonly (readonly [path: string, entity: Entity])[] = [
  ['/data/core/ups/export/jobs', 'ExportJob'],
  ['/data/core/ups/segment/jobs', 'SegmentJob'],
  ['/data/core/ups/config/schedules', 'Schedule'],
  ['/data/foundation/catalog/dataSets', 'Dataset'],
];
const entities = collections.map(([, entity]) => entity);
const rejectedCredential = 401;

/**
 * Checks that the audit log and the platform agree, one to one: each write that the platform received has exactly one
 * line with its result, each line that states a write has its request, each mutation has one line for its own change,
 * and each entity that was made or removed has a line that states it.
 */
export function checkAudit(lines: readonly AuditLine[], { mutations, requests, made }: AuditTruth): Violation[] {
  return [
    ...checkComplete(requests),
    ...checkWrites(lines, requests),
    ...checkMutations(lines, mutations),
    ...entities.flatMap((entity) => checkMade(lines, entity, made[entity])),
  ];
}

/** The emulator drops its oldest requests at a limit. Without them, lines could not be compared. */
function checkComplete([first]: readonly RecordedRequest[]): Violation[] {
  if (first?.number === 1) return [];
  const detail = `its first request is number ${first?.number}`;
  return [{ rule: "the platform's record is complete", where: 'requests', detail }];
}

function checkWrites(lines: readonly AuditLine[], requests: readonly RecordedRequest[]): Violation[] {
  const violations: Violation[] = [];
  const sent = groupBy(
    requests.flatMap((request) => {
      const write = writeOf(request);
      return write === null ? [] : [{ request, key: keyOf(write) }];
    }),
    ({ key }) => key,
  );
  const stated = groupBy(lines, (line) => keyOf({ ...line, id: line.action === 'create' ? null : line.id }));
  for (const key of new Set([...sent.keys(), ...stated.keys()])) {
    const report = (rule: string, detail: string) => void violations.push({ rule, where: key, detail });
    const own = stated.get(key) ?? [];
    const attempts = (sent.get(key) ?? []).map(({ request }) => request);
    // The platform does nothing when it rejects the credential. The gateway then renews its token and sends it again.
    const received = attempts.filter(({ status }) => status !== rejectedCredential);
    if (received.length > 1) report('a write is sent once', describe(received));
    if (own.length > 1) report('a write has one line', `${own.length} lines: ${own.map(({ outcome }) => outcome)}`);
    if (received.length > 0 && own.length === 0) report('a write has a line', describe(received));
    for (const line of own) checkLine(line, attempts, report);
  }
  return violations;
}

/** Compares a line with the requests of its write. */
function checkLine(
  { action, outcome, code, evidence, status, platformRequestId }: AuditLine,
  attempts: readonly RecordedRequest[],
  report: (rule: string, detail: string) => void,
): void {
  const last = attempts.at(-1);
  const wasReceived = last !== undefined && last.status !== rejectedCredential;
  const detail = `${outcome} by ${evidence}, status ${status}, id ${platformRequestId}; sent: ${describe(attempts)}`;
  const statesWrite = outcome === 'done' || outcome === 'unknown' || platformRequestId !== null;
  if (statesWrite && last === undefined) report('a line that states a write has its request', detail);
  if (!statesWrite && wasReceived) report('a line without a write has no request', detail);
  if (last === undefined) return;

  if (status !== null && status !== last.status) report('a line has the status of the platform', detail);
  // The body of an error may name an id of its own.
  const hasErrorBody = status !== null && status >= 400;
  if (platformRequestId !== null && !hasErrorBody && platformRequestId !== last.requestId)
    report('a line has the request id of the platform', detail);
  if (evidence === 'response' && !isSuccess(last)) report('a change that is done by a response has one', detail);
  const nothingChanged = outcome === 'rejected' || outcome === 'failed' || outcome === 'replayed';
  // The platform accepts the cancel of a job that has ended, and changes nothing. Without its response, the state decides.
  const hadEnded = action === 'cancel' && code === 'CONFLICT';
  // Status 0: the connection broke, before or after the change.
  const mayHaveChanged = isSuccess(last) || last.status === 0;
  if (nothingChanged && mayHaveChanged && !hadEnded) report('a change that failed changed nothing', detail);
}

/** Each mutation here has one field, which is named after its change. */
function checkMutations(lines: readonly AuditLine[], mutations: readonly string[]): Violation[] {
  const own = groupBy(
    lines.filter(({ operation, action, entity }) => operation === `${action}${entity}`),
    ({ requestId }) => requestId,
  );
  const known = new Set(mutations);
  return [
    ...mutations
      .filter((id) => own.get(id)?.length !== 1)
      .map((id) => ({
        rule: 'a mutation has one line for its own change',
        where: id,
        detail: `${own.get(id)?.length ?? 0} lines`,
      })),
    ...lines
      .filter(({ requestId }) => !known.has(requestId))
      .map(({ requestId, operation }) => ({ rule: 'a line has its mutation', where: requestId, detail: operation })),
  ];
}

/** Compares the lines about entities of one type with the platform's state after the run. */
function checkMade(lines: readonly AuditLine[], entity: Entity, made: readonly string[]): Violation[] {
  const of = (action: Action, outcome: AuditLine['outcome']) =>
    lines.filter((line) => line.entity === entity && line.action === action && line.outcome === outcome);
  const idsOf = (some: readonly AuditLine[]) => new Set(some.flatMap(({ id }) => id ?? []));
  const created = of('create', 'done');
  const ids = idsOf(created);
  const removed = idsOf(of('delete', 'done'));
  const perhapsRemoved = idsOf(of('delete', 'unknown'));
  const exist = new Set(made);

  const violation = (rule: string, detail: string): Violation => ({ rule, where: entity, detail });
  const missing = [...ids].filter((id) => !exist.has(id) && !removed.has(id) && !perhapsRemoved.has(id));
  const remaining = made.filter((id) => removed.has(id));
  const unstated = made.filter((id) => !ids.has(id));
  const open = of('create', 'unknown').length;
  return [
    ...(ids.size < created.length ? [violation('two lines do not state the same create', [...ids].join())] : []),
    ...missing.map((id) => violation('an entity of a create that is done exists', id)),
    ...remaining.map((id) => violation('an entity of a delete that is done is gone', id)),
    ...(unstated.length > open
      ? [violation('an entity has the line of its create', `${unstated.join()}; ${open} outcomes are unknown`)]
      : []),
  ];
}

/** @returns null if the request writes none of the entities */
function writeOf({ method, path: target, requestId: id }: RecordedRequest): Write | null {
  const [path = ''] = target.split('?');
  for (const [root, entity] of collections) {
    // The id of a create is the id of the caller's request with eight more characters.
    if (path === root && method === 'POST')
      return { requestId: id.replace(/\.[0-9a-f]{8}$/, ''), action: 'create', entity, id: null };
    if (!path.startsWith(`${root}/`)) continue;
    const action = actionOf(method, entity);
    return action && { requestId: id, action, entity, id: decodeURIComponent(path.slice(root.length + 1)) };
  }
  return null;
}

function actionOf(method: string, entity: Entity): Action | null {
  if (method === 'PATCH') return 'update';
  if (method !== 'DELETE') return null;
  return entity === 'ExportJob' || entity === 'SegmentJob' ? 'cancel' : 'delete';
}

const keyOf = ({ requestId, action, entity, id }: Write): string =>
  `${requestId} ${action} ${entity}${id === null ? '' : ` ${id}`}`;

const isSuccess = ({ status }: RecordedRequest): boolean => status >= 200 && status < 300;

const describe = (requests: readonly RecordedRequest[]): string =>
  requests.map(({ number, status, requestId }) => `#${number} ${status} ${requestId}`).join(', ') || 'nothing';
