import { type Failure, reasonOfCode } from '../app/failure.ts';
import { type Issue, messageOf, partsOf } from '../app/issue-words.ts';
import { texts } from '../texts.ts';
import { FailureText } from './failure-text.tsx';

export interface ErrorTextProps {
  readonly error: Pick<Failure, 'code' | 'message'> & {
    readonly requestId?: string | null;
    readonly issues?: readonly Issue[];
  };
}

/** Why an action was not carried out, next to the action. */
export const ErrorText = ({ error: { code, message, requestId = null, issues = [] } }: ErrorTextProps) => (
  <div className="error-text" role="alert">
    {issues.length > 0 && <p className="error-reason">{reasonOfCode(code)}</p>}
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
function Issues({ issues }: { readonly issues: readonly Issue[] }) {
  const byMessage = new Map<string, readonly Issue[]>();
  for (const issue of issues) {
    const message = messageOf(issue);
    byMessage.set(message, [...(byMessage.get(message) ?? []), issue]);
  }
  return (
    <ul>
      {[...byMessage].map(([message, of]) => {
        const parts = partsOf(of);
        return (
          <li key={message}>{parts.length === 0 ? sentence(message) : texts.issues.of(parts.join(', '), message)}</li>
        );
      })}
    </ul>
  );
}

const sentence = (message: string): string => message.charAt(0).toUpperCase() + message.slice(1);
