import './scalars.ts';
import './errors.ts';
import './node.ts';
import './batch.ts';
import './dataset.ts';
import './export-job.ts';
import './create-export-job.ts';
import './cancel-export-job.ts';
import './export-job-changed.ts';
import './viewer.ts';
import { builder } from './builder.ts';

/** The executable schema: the public contract in code. */
export const schema = builder.toSchema();
