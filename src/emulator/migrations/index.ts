import { population } from './0001-population.ts';
import { platformState } from './0002-platform-state.ts';
import { segmentation } from './0003-segmentation.ts';
import { ownFields } from './0004-own-fields.ts';
import type { Migration } from './migration.ts';

/** All migrations, in the order in which they are applied. */
export const migrations: readonly Migration[] = [population, platformState, segmentation, ownFields];
