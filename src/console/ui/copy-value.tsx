import { useState } from 'react';
import { browserClock } from '../app/clock.ts';
import { texts } from '../texts.ts';
import { Button } from './button.tsx';

/** Time for which the button confirms the copy, in milliseconds. */
const confirmMs = 2_000;

/** A value that a person gives to others, with a button that copies it. Without HTTPS browsers permit no copy. */
export function CopyValue({ name, value }: { readonly name: string; readonly value: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    browserClock.after(confirmMs, () => setCopied(false));
  };
  return (
    <span className="copy-value">
      <code>{value}</code>
      {window.isSecureContext && (
        <Button look="quiet" aria-label={texts.job.support.copyLabel(name)} onPress={() => void copy()}>
          {isCopied ? texts.job.support.copied : texts.job.support.copy}
        </Button>
      )}
    </span>
  );
}
