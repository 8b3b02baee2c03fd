import { useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { useSearchParams } from 'react-router';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { FailureText } from '../ui/failure-text.tsx';
import { Switch, TextField } from '../ui/fields.tsx';
import { checkCredential } from './client.ts';
import { inSandbox, sandboxOf } from './sandbox.ts';
import type { Credential, Session, SessionStore } from './session.ts';
import type { Settings } from './settings.ts';

export interface SignInProps {
  readonly session: SessionStore;
  readonly state: Extract<Session, { readonly kind: 'signed-out' }>;
  readonly settings: Settings;
}

/** Form for a credential. It signs in if the gateway accepts the credential. */
export function SignIn({ session, state, settings }: SignInProps) {
  const [credential, setCredential] = useState<Credential>(state.credential);
  const [params, setParams] = useSearchParams();
  const [sandbox, setSandbox] = useState(sandboxOf(params));
  const [keep, setKeep] = useState(false);
  const [isPending, setPending] = useState(false);
  const isPassthrough = settings.authMode === 'passthrough';
  const change = (name: keyof Credential) => (value: string) => setCredential({ ...credential, [name]: value.trim() });
  const submit = (event: Pick<Event, 'preventDefault'>) => {
    event.preventDefault();
    void check();
  };
  const check = async () => {
    setPending(true);
    const failure = await checkCredential(credential, sandbox);
    setPending(false);
    if (failure !== null) return session.signOut(failure);
    setParams((present) => inSandbox(present, sandbox), { replace: true });
    session.signIn(credential, { keep });
  };
  const optional = (name: Settings['required'][number]) =>
    settings.required.includes(name)
      ? { isRequired: true }
      : { hint: name === 'x-gw-ims-org-id' ? undefined : texts.signIn.optional };
  return (
    <main className="sign-in">
      <div className="card sign-in-card">
        <span className="mark" aria-hidden="true" />
        <h1>{texts.signIn.title}</h1>
        <p className="muted">{isPassthrough ? texts.signIn.passthrough : texts.signIn.service}</p>
        {state.reason !== null && (
          <p className="sign-in-reason" role="alert">
            <strong>{texts.signIn.rejected}</strong> <FailureText failure={state.reason} />
          </p>
        )}
        <Form onSubmit={submit} className="form">
          <TextField
            label={texts.signIn.token}
            type="password"
            autoComplete="off"
            isRequired
            value={credential.token}
            onChange={change('token')}
          />
          {isPassthrough && (
            <>
              <TextField
                label={texts.signIn.apiKey}
                autoComplete="off"
                value={credential.apiKey}
                onChange={change('apiKey')}
                {...optional('x-api-key')}
              />
              <TextField
                label={texts.signIn.organization}
                autoComplete="off"
                value={credential.organization}
                onChange={change('organization')}
                {...optional('x-gw-ims-org-id')}
              />
            </>
          )}
          <TextField
            label={texts.signIn.sandbox}
            autoComplete="off"
            hint={texts.signIn.optional}
            value={sandbox}
            onChange={(value) => setSandbox(value.trim())}
          />
          <Switch label={texts.signIn.keep} hint={texts.signIn.keepHint} isSelected={keep} onChange={setKeep} />
          <Button type="submit" look="primary" isPending={isPending}>
            {isPending ? texts.signIn.pending : texts.signIn.submit}
          </Button>
        </Form>
      </div>
    </main>
  );
}
