import type { Clock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { createSendBuffers, type SendBuffers } from '../../src/server/connections/send-buffers.ts';

/** Buffers that are counted and log nothing. */
export const quietSendBuffers = (clock: Clock): SendBuffers =>
  createSendBuffers({ clock, logger: createLogger({ level: 'silent' }) });
