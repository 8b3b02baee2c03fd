import type { ReactNode } from 'react';
import { Link } from 'react-aria-components/Link';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import { useQuery } from 'urql';
import { ViewerDocument } from '../operations.generated.ts';
import { texts } from '../texts.ts';
import { Button } from '../ui/button.tsx';
import { FailureText } from '../ui/failure-text.tsx';
import { EmptyState } from '../ui/feedback.tsx';
import { type Failure, failureOf } from './failure.ts';
import { pages } from './paths.ts';
import { pathInSandbox, sandboxOf } from './sandbox.ts';
import { SandboxPicker } from './sandbox-picker.tsx';
import type { SessionStore } from './session.ts';
import type { Settings } from './settings.ts';
import { ThemePicker } from './theme.tsx';

const tabs = [
  { path: pages.board, below: pages.exportJobs, label: texts.nav.exportJobs },
  { path: pages.segmentJobs, below: pages.segmentJob, label: texts.nav.segmentJobs },
  { path: pages.schedules, below: null, label: texts.nav.schedules },
  { path: pages.history, below: null, label: texts.nav.history },
] as const;

export interface LayoutProps {
  readonly session: SessionStore;
  readonly settings: Settings;
  /** Called with the sandbox that the gateway has chosen, because the URL names none. */
  readonly onDefaultSandbox: (name: string) => void;
  readonly children: ReactNode;
}

/** Head and frame of all pages of a person who is signed in. */
export function Layout({ session, settings, onDefaultSandbox, children }: LayoutProps) {
  const { pathname } = useLocation();
  const [params] = useSearchParams();
  const [{ data, error, fetching }] = useQuery({ query: ViewerDocument });
  const viewer = data?.viewer ?? null;
  const sandbox = sandboxOf(params);
  const failure = error === undefined || viewer !== null ? null : failureOf(error);
  return (
    <>
      <a className="skip" href="#content">
        {texts.skipToContent}
      </a>
      <header className="top">
        <Link href={pages.board} className="brand">
          <span className="mark" aria-hidden="true" />
          {texts.product}
        </Link>
        <nav aria-label={texts.nav.label} className="tabs">
          {tabs.map(({ path, below, label }) => (
            <Link
              key={path}
              href={path}
              className="tab"
              {...(pathname === path || (below !== null && pathname.startsWith(below))
                ? { 'aria-current': 'page' as const }
                : {})}
            >
              {label}
            </Link>
          ))}
        </nav>
        <div className="top-end">
          {viewer !== null && <SandboxPicker viewer={viewer} onDefault={onDefaultSandbox} />}
          <ThemePicker />
          {settings.authMode !== 'embedded' && (
            <Button look="quiet" onPress={() => session.signOut(null)}>
              {texts.nav.signOut}
            </Button>
          )}
        </div>
      </header>
      <main id="content" tabIndex={-1} className="page">
        {sandbox === '' ? (
          children
        ) : failure !== null && !failure.retryable ? (
          <NoSandbox name={sandbox} failure={failure} />
        ) : (
          // A live view in a sandbox that the caller may not use would end the session.
          (viewer !== null || !fetching) && children
        )}
      </main>
    </>
  );
}

/** Shown for a link into a sandbox that this person may not use. */
function NoSandbox({ name, failure }: { readonly name: string; readonly failure: Failure }) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [params] = useSearchParams();
  const { title, action } = texts.noSandbox;
  return (
    <EmptyState title={title(name)} text={<FailureText failure={failure} />}>
      <Button onPress={() => void navigate(pathInSandbox(pathname, params, ''))}>{action}</Button>
    </EmptyState>
  );
}
