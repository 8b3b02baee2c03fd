import { createMemoryEventLog } from '../../src/events/memory-event-log.ts';
import { eventLogContract, type Item } from './event-log.contract.ts';

eventLogContract('createMemoryEventLog', async (bounds) =>
  createMemoryEventLog<Item>({ key: ({ id }) => id, ...bounds }),
);
