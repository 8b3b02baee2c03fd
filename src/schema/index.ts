import './scalars.ts';
import './errors.ts';
import './node.ts';
import './batch.ts';
import './dataset.ts';
import './export-job.ts';
import './create-export-job.ts';
import './cancel-export-job.ts';
import './export-job-changed.ts';
import './schedule.ts';
import './schedule-mutations.ts';
import './schedule-changed.ts';
import './segment-job.ts';
import './create-segment-job.ts';
import './cancel-segment-job.ts';
import './segment-job-changed.ts';
import './segment-definition.ts';
import './merge-policy.ts';
import './profile.ts';
import './viewer.ts';
import './federation.ts';
import { builder } from './builder.ts';
import { federationLink } from './federation-directives.ts';

/** The executable schema, which is the public contract. */
export const schema = builder.toSchema({ extensions: federationLink });
