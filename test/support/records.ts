import { RequestMemory } from '../../src/context/request-memory.ts';
import {
  createOperationRecords,
  type ObserveOperation,
  type OperationRecord,
  type OperationRecords,
} from '../../src/observation/operation-record.ts';
import { createLogger, type Logger } from '../../src/runtime/logger.ts';
import { requestIdOf } from '../../src/runtime/request-id.ts';
import { RequestLog } from '../../src/runtime/request-log.ts';
import { FakeClock } from './fake-clock.ts';

/** Log of a request. Its lines are discarded unless there is a logger. */
export const testLog = (logger: Logger = createLogger({ level: 'silent' })): RequestLog =>
  new RequestLog(logger, requestIdOf('request-1'));

/** Records of operations that are observed by nothing unless there is an observer. */
export const testRecords = (observe: ObserveOperation = () => {}): OperationRecords =>
  createOperationRecords({
    clock: new FakeClock(),
    observe,
    holdMemory: (caller) => new RequestMemory({ isAccepted: () => true }).hold(caller),
  });

export const testRecord = (logger?: Logger): OperationRecord => testRecords().begin(testLog(logger), 'http');
