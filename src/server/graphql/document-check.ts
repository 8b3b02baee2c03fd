import { type GraphQLSchema, parse, validate } from 'graphql';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { createTurns } from '../../runtime/turns.ts';

export interface DocumentCheckOptions {
  readonly schema: GraphQLSchema;
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Ends the check without a log line when it aborts. */
  readonly signal: AbortSignal;
}

/** Maximum number of documents that are checked, because the check takes time from requests. */
const maxChecked = 500;
/** Maximum number of ids in the log line. */
const maxLogged = 10;

/**
 * Logs the trusted documents that do not parse or do not fit the schema, in one line. They are no reason not to start,
 * because they may belong to another version of a client. Requests are served while the check runs.
 */
export async function checkDocuments(
  textById: ReadonlyMap<string, string>,
  { schema, logger, clock, signal }: DocumentCheckOptions,
): Promise<void> {
  const unusable: string[] = [];
  // The caller continues first.
  await clock.sleep(0);
  const turn = createTurns(clock);
  for (const [id, text] of [...textById].slice(0, maxChecked)) {
    await turn();
    if (signal.aborted) return;
    if (!isUsable(text, schema)) unusable.push(id);
  }
  if (unusable.length === 0) return;
  const documents = unusable.slice(0, maxLogged);
  logger.warn({ documents, count: unusable.length }, 'trusted documents do not fit the schema, and will be rejected');
}

function isUsable(text: string, schema: GraphQLSchema): boolean {
  try {
    return validate(schema, parse(text), undefined, { maxErrors: 1 }).length === 0;
  } catch {
    return false;
  }
}
