import {
  ConflictError,
  ForbiddenError,
  type GatewayError,
  InvalidInputError,
  NotFoundError,
  OutcomeUnknownError,
  PlatformError,
  RateLimitedError,
} from '../errors.ts';
import { builder } from './builder.ts';
import { operational, shareable } from './federation-directives.ts';

const ErrorInterface = builder.interfaceRef<GatewayError>('Error').implement({
  description:
    'Why a mutation was not done. Ask for it in a fragment of its own, so that errors added later are seen too.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'For people. May change.' }),
    code: t.exposeString('code', { description: 'For programs. Stays the same.' }),
  }),
});

const InputIssue = builder.objectRef<InvalidInputError['issues'][number]>('InputIssue').implement({
  description: 'One thing that is wrong with the input.',
  extensions: shareable,
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The argument path: `input.filter.segments.0.segmentId`.' }),
    message: t.exposeString('message', { description: 'What is wrong there.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description:
    'The input cannot be right. Nothing was done. Each entry names the argument path, so a form can mark the field.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({
    issues: t.expose('issues', { type: [InputIssue], description: 'Everything that is wrong, not only the first.' }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'The platform does not know what the input names.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({ id: t.exposeID('id', { description: 'The id that is not known.' }) }),
});

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description: 'The present state forbids it: the job has already ended, or another change came first.',
  interfaces: [ErrorInterface],
  extensions: shareable,
});

builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'The caller may not do this.',
  interfaces: [ErrorInterface],
  extensions: shareable,
});

builder.objectType(RateLimitedError, {
  name: 'RateLimitedError',
  description: 'Too many requests at this moment.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({
    retryAfterMs: t.expose('retryAfterMs', {
      type: 'SafeInt',
      nullable: true,
      description: 'When to try again, in milliseconds from now, where the platform said it.',
    }),
  }),
});

builder.objectType(PlatformError, {
  name: 'PlatformError',
  description: 'The platform refused or failed.',
  interfaces: [ErrorInterface],
  extensions: shareable,
  fields: (t) => ({
    status: t.exposeInt('status', { description: 'The HTTP status of its answer.' }),
    requestId: t.string({
      extensions: operational,
      nullable: true,
      description: 'The request id under which the platform knows the call.',
      resolve: (error) => error.upstream?.requestId ?? null,
    }),
    retryable: t.exposeBoolean('retryable', { description: 'Whether the same mutation may succeed later.' }),
  }),
});

builder.objectType(OutcomeUnknownError, {
  name: 'OutcomeUnknownError',
  description:
    'The platform may or may not have carried out the request. No conclusive response arrived, and a look at the platform did not determine the outcome. Look for the result before the next attempt.',
  interfaces: [ErrorInterface],
  extensions: shareable,
});

/** The error types of a mutation's result union: those of every mutation, and those named here. */
export const mutationErrors = (...extra: readonly (new (...args: never[]) => GatewayError)[]) => ({
  types: [InvalidInputError, ForbiddenError, RateLimitedError, PlatformError, OutcomeUnknownError, ...extra],
});
