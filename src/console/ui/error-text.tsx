import { type Failure, reasonOfCode } from '../app/failure.ts';
import { texts } from '../texts.ts';
import { FailureText } from './failure-text.tsx';

export interface ErrorTextProps {
  /** What the issues mean for the person. */
  readonly title?: string;
  readonly error: Pick<Failure, 'code' | 'message'> & {
    readonly requestId?: string | null;
    readonly issues?: readonly { readonly path: string; readonly message: string }[];
  };
}

/** Why an action was not carried out, next to the action. */
export const ErrorText = ({ title, error: { code, message, requestId = null, issues = [] } }: ErrorTextProps) => (
  <div className="error-text" role="alert">
    {issues.length > 0 && <p className="error-reason">{title ?? reasonOfCode(code)}</p>}
    {issues.length === 0 ? (
      <p>
        <FailureText failure={{ code, message }} />
      </p>
    ) : (
      <Issues issues={issues} />
    )}
    {requestId !== null && <p>{texts.job.requestId(requestId)}</p>}
  </div>
);

/** Issues with the same message are one entry. */
function Issues({ issues }: { readonly issues: NonNullable<ErrorTextProps['error']['issues']> }) {
  const paths = new Map<string, readonly string[]>();
  for (const { path, message } of issues) paths.set(message, [...(paths.get(message) ?? []), path]);
  return (
    <ul>
      {[...paths].map(([message, of]) => (
        <li key={message}>
          <code>{of.join(', ')}</code>: {message}
        </li>
      ))}
    </ul>
  );
}
