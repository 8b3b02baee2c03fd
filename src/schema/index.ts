import './common/scalars.ts';
import './common/errors.ts';
import './node.ts';
import './batch/type.ts';
import './batch/changed.ts';
import './dataset/type.ts';
import './dataset/changed.ts';
import './export-job/type.ts';
import './export-job/create.ts';
import './export-job/cancel.ts';
import './export-job/rerun.ts';
import './export-job/changed.ts';
import './schedule/type.ts';
import './schedule/mutations.ts';
import './schedule/changed.ts';
import './segment-job/type.ts';
import './segment-job/create.ts';
import './segment-job/cancel.ts';
import './segment-job/changed.ts';
import './segment-definition.ts';
import './merge-policy/type.ts';
import './profile.ts';
import './viewer.ts';
import './federation/entities.ts';
import { builder } from './builder.ts';
import { federationLink } from './federation/directives.ts';

/** The executable schema, which is the public contract. */
export const schema = builder.toSchema({ extensions: federationLink });
