import type { Clock } from '../../src/runtime/clock.ts';
import { createLogger, type LoggerOptions } from '../../src/runtime/logger.ts';
import { createSendBuffers, type SendBuffers } from '../../src/server/connections/send-buffers.ts';

/** Buffers that are counted. Their lines are discarded unless there is a destination. */
export const quietSendBuffers = (
  clock: Clock,
  destination: LoggerOptions['destination'] = { write: () => {} },
): SendBuffers => createSendBuffers({ clock, logger: createLogger({ destination }) });
