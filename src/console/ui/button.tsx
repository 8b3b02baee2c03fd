import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';
import { Link, type LinkProps } from 'react-aria-components/Link';
import { ProgressBar } from 'react-aria-components/ProgressBar';
import { texts } from '../texts.ts';

type Look = 'primary' | 'secondary' | 'quiet' | 'danger';

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children'> {
  readonly children: ReactNode;
  /** @default 'secondary' */
  readonly look?: Look;
}

export const Button = ({ look = 'secondary', children, isPending = false, ...props }: ButtonProps) => (
  <AriaButton {...props} isPending={isPending} className={`button button-${look}`}>
    {/* Screen readers announce it when the action begins. */}
    {isPending && <ProgressBar aria-label={texts.pending} isIndeterminate className="button-progress" />}
    {children}
  </AriaButton>
);

/** A link to another page that looks like a button. */
export const ButtonLink = ({
  look = 'secondary',
  ...props
}: Omit<LinkProps, 'className'> & { readonly look?: Look }) => <Link {...props} className={`button button-${look}`} />;
