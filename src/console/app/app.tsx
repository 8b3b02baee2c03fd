import { lazy, Suspense, useState } from 'react';
import { RouterProvider } from 'react-aria-components';
import { BrowserRouter, Route, Routes, useHref, useSearchParams } from 'react-router';
import { texts } from '../texts.ts';
import { ButtonLink } from '../ui/button.tsx';
import { EmptyState } from '../ui/feedback.tsx';
import { GatewayProvider } from './gateway.tsx';
import { Layout } from './layout.tsx';
import { pages } from './paths.ts';
import { sandboxOf, useOpen, withSandbox } from './sandbox.ts';
import type { Credential, SessionStore } from './session.ts';
import type { Settings } from './settings.ts';
import { SignIn } from './sign-in.tsx';
import { useValue } from './use-value.ts';

const ExportBoard = lazy(async () => ({ default: (await import('../board/export-board.tsx')).ExportBoard }));
const SegmentBoard = lazy(async () => ({ default: (await import('../board/segment-board.tsx')).SegmentBoard }));
const CreatePage = lazy(async () => ({ default: (await import('../create/create-page.tsx')).CreatePage }));
const HistoryPage = lazy(async () => ({ default: (await import('../history/history-page.tsx')).HistoryPage }));
const JobPage = lazy(async () => ({ default: (await import('../job/job-page.tsx')).JobPage }));
const SegmentJobPage = lazy(async () => ({ default: (await import('../job/segment-job-page.tsx')).SegmentJobPage }));
const SchedulesPage = lazy(async () => ({
  default: (await import('../schedules/schedules-page.tsx')).SchedulesPage,
}));

export interface AppProps {
  readonly session: SessionStore;
  readonly settings: Settings;
}

/** The sandbox that the gateway uses for a caller who names none. Naming it needs no new connection. */
interface DefaultSandbox {
  readonly credential: Credential;
  readonly name: string;
}

export const App = (props: AppProps) => (
  <BrowserRouter>
    <Pages {...props} />
  </BrowserRouter>
);

function Pages({ session, settings }: AppProps) {
  const state = useValue(session);
  const [params] = useSearchParams();
  const named = sandboxOf(params);
  const [byDefault, setDefault] = useState<DefaultSandbox | null>(null);
  const isDefault = byDefault !== null && byDefault.credential === state.credential && byDefault.name === named;
  // Links of all components change the page without a reload.
  return (
    <RouterProvider navigate={useOpen()} useHref={useAnyHref}>
      {state.kind === 'signed-out' ? (
        <SignIn session={session} state={state} settings={settings} />
      ) : (
        <GatewayProvider credential={state.credential} sandbox={isDefault ? '' : named} session={session}>
          <Layout
            session={session}
            settings={settings}
            onDefaultSandbox={(name) =>
              setDefault((known) =>
                known?.name === name && known.credential === state.credential
                  ? known
                  : { credential: state.credential, name },
              )
            }
          >
            <Suspense>
              <Routes>
                <Route path={pages.board} element={<ExportBoard />} />
                <Route path={pages.segmentJobs} element={<SegmentBoard />} />
                <Route path={pages.newExport} element={<CreatePage />} />
                <Route path={pages.schedules} element={<SchedulesPage />} />
                <Route path={pages.history} element={<HistoryPage />} />
                <Route path={`${pages.exportJobs}:id`} element={<JobPage settings={settings} />} />
                <Route path={`${pages.segmentJob}:id`} element={<SegmentJobPage settings={settings} />} />
                <Route path="*" element={<NoPage />} />
              </Routes>
            </Suspense>
          </Layout>
        </GatewayProvider>
      )}
    </RouterProvider>
  );
}

/** Links lead to pages in the same sandbox. Those to files have absolute URLs, which the router would take for relative. */
function useAnyHref(href: string): string {
  const [params] = useSearchParams();
  const ofRouter = useHref(withSandbox(href, sandboxOf(params)));
  return /^https?:/.test(href) ? href : ofRouter;
}

const NoPage = () => (
  <EmptyState title={texts.noPage.title} text={texts.noPage.text}>
    <ButtonLink href={pages.board}>{texts.noPage.action}</ButtonLink>
  </EmptyState>
);
