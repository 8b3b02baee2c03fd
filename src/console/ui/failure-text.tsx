import { type Failure, reasonOfCode } from '../app/failure.ts';
import { texts } from '../texts.ts';

/** Explains a failure to a person. The message of the gateway follows, for those who help. */
export function FailureText({ failure: { code, message } }: { readonly failure: Pick<Failure, 'code' | 'message'> }) {
  const reason = reasonOfCode(code);
  return (
    <>
      <span>{reason}</span>
      {message !== reason && message !== '' && (
        <>
          {' '}
          <span className="failure-detail">{texts.failures.details(message)}</span>
        </>
      )}
    </>
  );
}
