import {
  ConflictError,
  ForbiddenError,
  type GatewayError,
  InvalidInputError,
  NotFoundError,
  OutcomeUnknownError,
  PlatformError,
  RateLimitedError,
} from '../../errors.ts';
import { builder } from '../builder.ts';
import { operational, shareable } from '../federation/directives.ts';

const ErrorInterface = builder.interfaceRef<GatewayError>('Error').implement({
  description:
    'Reason why a mutation was not carried out. Select it in a separate fragment (`... on Error`), so that a client also receives error types that are added later.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'Explanation for people. The text may change.' }),
    code: t.exposeString('code', { description: 'Error code for programs. It is stable.' }),
  }),
});

const InputIssue = builder.objectRef<InvalidInputError['issues'][number]>('InputIssue').implement({
  description: 'One problem of the input.',
  extensions: shareable,
  fields: (t) => ({
    path: t.exposeString('path', {
      description: 'Path of the argument, for example `input.filter.segments.0.segmentId`.',
    }),
    message: t.exposeString('message', { description: 'Explanation of the problem.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description:
    'The input is invalid, and nothing was done. Each issue names the path of an argument, so that a form can mark the field.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({
    issues: t.expose('issues', { type: [InputIssue], description: 'All problems that were found.' }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'An object that the input names does not exist in the platform.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({ id: t.exposeID('id', { description: 'Id of the object that does not exist.' }) }),
});

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description:
    'The current state does not allow the change, for example because the job has already ended or another change came first.',
  interfaces: [ErrorInterface],
  extensions: shareable,
});

builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'The caller does not have the permission for this.',
  interfaces: [ErrorInterface],
  extensions: shareable,
});

builder.objectType(RateLimitedError, {
  name: 'RateLimitedError',
  description: 'Too many requests were made within a short time.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({
    retryAfterMs: t.expose('retryAfterMs', {
      type: 'SafeInt',
      nullable: true,
      description: 'Time to wait before the next attempt, in milliseconds. Null if it is not known.',
    }),
  }),
});

builder.objectType(PlatformError, {
  name: 'PlatformError',
  description: 'The platform rejected the request or failed.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({
    status: t.exposeInt('status', { description: 'HTTP status of the platform’s response.' }),
    requestId: t.string({
      extensions: operational,
      nullable: true,
      description: 'The platform’s id of the request, for support cases. Null if the platform did not return one.',
      resolve: (error) => error.upstream?.requestId ?? null,
    }),
    retryable: t.exposeBoolean('retryable', { description: 'True if the same mutation may succeed later.' }),
  }),
});

builder.objectType(OutcomeUnknownError, {
  name: 'OutcomeUnknownError',
  description:
    'The platform may or may not have carried out the request. No conclusive response arrived, and the state of the platform did not show the outcome. Check whether the result exists before the next attempt.',
  interfaces: [ErrorInterface],
  extensions: shareable,
});

/** The error types of a mutation's result union. Every mutation has five of them; `extra` adds others. */
export const mutationErrors = (...extra: readonly (new (...args: never[]) => GatewayError)[]) => ({
  types: [InvalidInputError, ForbiddenError, RateLimitedError, PlatformError, OutcomeUnknownError, ...extra],
});
