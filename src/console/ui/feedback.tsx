import type { ReactNode } from 'react';
import type { Failure } from '../app/failure.ts';
import { texts } from '../texts.ts';
import { Button } from './button.tsx';
import { FailureText } from './failure-text.tsx';

/** Shown in place of content that does not exist. */
export const EmptyState = ({
  title,
  text,
  children,
}: {
  readonly title: string;
  readonly text: ReactNode;
  readonly children?: ReactNode;
}) => (
  <div className="empty">
    <h2>{title}</h2>
    <p>{text}</p>
    {children}
  </div>
);

/** Shown in place of content that could not be read. */
export const FailureState = ({ failure, onRetry }: { readonly failure: Failure; readonly onRetry?: () => void }) => (
  <div className="empty" role="alert">
    <h2>{texts.failures.title}</h2>
    <p>
      <FailureText failure={failure} />
    </p>
    <p className="muted">{texts.failures.code(failure.code)}</p>
    {onRetry !== undefined && <Button onPress={onRetry}>{texts.failures.retry}</Button>}
  </div>
);

/** A line above the content. */
export const Notice = ({
  tone,
  title,
  children,
}: {
  readonly tone: 'warning' | 'info';
  readonly title: string;
  readonly children?: ReactNode;
}) => (
  <div className={`notice notice-${tone}`} role="status">
    <strong>{title}</strong>
    <span>{children}</span>
  </div>
);

/** Lines in place of content that is being read. */
export const Skeleton = ({ label, lines }: { readonly label: string; readonly lines: number }) => (
  <div className="skeleton" role="status" aria-label={label}>
    {Array.from({ length: lines }, (_, index) => (
      // The lines have no identity and no state.
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <span key={index} className="skeleton-line" />
    ))}
  </div>
);
