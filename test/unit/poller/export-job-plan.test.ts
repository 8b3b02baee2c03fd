import { describe, expect, it } from 'vitest';
import type { ExportJob, ExportJobStatus } from '../../../src/domain/export-job.ts';
import {
  type ExportJobMemory,
  forgettable,
  hasAppeared,
  maxGetsPerRound,
  maxPagesPerRound,
  maxUnwatchedRunning,
  nextStep,
  type RoundProgress,
} from '../../../src/poller/export-job-plan.ts';
import { exportJob } from './fake-platform.ts';

const known = (...jobs: readonly ExportJob[]) => new Map(jobs.map((job): [string, ExportJob] => [job.id, job]));
const running = (count: number, status: ExportJobStatus = 'PROCESSING') =>
  Array.from({ length: count }, (_, index) => exportJob(`job-${index}`, 10 + index, status));
const everything = { everything: true, ids: new Set<string>() };
const named = (...ids: readonly string[]) => ({ everything: false, ids: new Set(ids) });
const memory = (more: Partial<ExportJobMemory> = {}): ExportJobMemory => ({
  newestMs: 900,
  newestPageFloorMs: 500,
  round: 1,
  readByName: new Map(),
  unlisted: new Set(),
  ...more,
});
const afterFirstPage = (more: Partial<RoundProgress>): RoundProgress => ({
  known: new Map(),
  scope: everything,
  discover: false,
  memory: memory(),
  listed: new Set(),
  pages: 1,
  floorMs: 500,
  ...more,
});

describe('the next step of a round', () => {
  it('is none when the newest page shows every watched job that runs', () => {
    const jobs = running(5);
    const listed = new Set(jobs.map(({ id }) => id));
    expect(nextStep(afterFirstPage({ known: known(...jobs), listed }))).toEqual({ kind: 'gets', ids: [] });
  });

  it('reads up to three watched jobs beyond the page by name', () => {
    expect(nextStep(afterFirstPage({ known: known(...running(3)) }))).toEqual({
      kind: 'gets',
      ids: ['job-0', 'job-1', 'job-2'],
    });
  });

  it('is another page when more of them lie beyond, until few are left', () => {
    const jobs = running(4);
    expect(nextStep(afterFirstPage({ known: known(...jobs) }))).toEqual({ kind: 'page' });
    const second = { known: known(...jobs), pages: 2, listed: new Set(['job-3']), floorMs: 13 };
    expect(nextStep(afterFirstPage(second))).toEqual({ kind: 'gets', ids: ['job-0', 'job-1', 'job-2'] });
  });

  it('ends the walk at the page bound and reads the rest in turn, those first that have waited longest', () => {
    const jobs = running(7);
    const bound = { known: known(...jobs), pages: maxPagesPerRound };
    const first = nextStep(afterFirstPage(bound));
    expect(first).toEqual({ kind: 'gets', ids: ['job-0', 'job-1', 'job-2', 'job-3', 'job-4'] });
    const readByName = new Map((first.kind === 'gets' ? first.ids : []).map((id) => [id, 1]));
    expect(nextStep(afterFirstPage({ ...bound, memory: memory({ readByName }) }))).toEqual({
      kind: 'gets',
      ids: ['job-5', 'job-6', 'job-0', 'job-1', 'job-2'],
    });
  });

  it('costs nothing for jobs that have ended or that nobody watches', () => {
    const ended = { known: known(...running(9, 'SUCCEEDED')), scope: named('job-0') };
    expect(nextStep(afterFirstPage(ended))).toEqual({ kind: 'gets', ids: [] });
    const unwatched = { known: known(...running(9)), scope: named('job-8') };
    expect(nextStep(afterFirstPage(unwatched))).toEqual({ kind: 'gets', ids: ['job-8'] });
  });

  it('asks by name for a job that the pages read should have shown, ended or not', () => {
    const gone = [
      exportJob('gone', 600),
      exportJob('gone too', 501, 'SUCCEEDED'),
      exportJob('at the end', 500, 'FAILED'),
    ];
    expect(nextStep(afterFirstPage({ known: known(...gone), scope: named() }))).toEqual({
      kind: 'gets',
      ids: ['gone too', 'gone'],
    });
  });

  it('does not ask again and again for an ended job that the list leaves out', () => {
    const hidden = {
      known: known(exportJob('hidden', 600, 'FAILED')),
      memory: memory({ unlisted: new Set(['hidden']) }),
    };
    expect(nextStep(afterFirstPage(hidden))).toEqual({ kind: 'gets', ids: [] });
  });

  it('takes the end of the list as an answer about everything', () => {
    const progress = { known: known(...running(4)), floorMs: null };
    expect(nextStep(afterFirstPage(progress))).toMatchObject({ kind: 'gets', ids: { length: 4 } });
    expect(nextStep(afterFirstPage({ ...progress, known: known(...running(9)) }))).toMatchObject({
      ids: { length: maxGetsPerRound },
    });
  });

  it('is another page while discovering, up to the bound or the end of the list', () => {
    const discover = { discover: true, memory: null };
    expect(nextStep(afterFirstPage(discover))).toEqual({ kind: 'page' });
    expect(nextStep(afterFirstPage({ ...discover, pages: maxPagesPerRound })).kind).toBe('gets');
    expect(nextStep(afterFirstPage({ ...discover, floorMs: null })).kind).toBe('gets');
  });

  it('is another page only while nothing shows that the new jobs are complete', () => {
    expect(nextStep(afterFirstPage({ floorMs: 900 })).kind).toBe('page');
    expect(nextStep(afterFirstPage({ floorMs: 899 })).kind).toBe('gets');
    expect(nextStep(afterFirstPage({ floorMs: 1, memory: memory({ newestMs: null }) })).kind).toBe('page');
    expect(nextStep(afterFirstPage({ floorMs: null, memory: memory({ newestMs: null }) })).kind).toBe('gets');
  });
});

describe('an unknown job', () => {
  it('is new when the newest page of the last round would have shown it', () => {
    expect(hasAppeared(exportJob('a', 501), memory())).toBe(true);
    expect(hasAppeared(exportJob('a', 500), memory())).toBe(false);
    expect(hasAppeared(exportJob('a', 1), memory({ newestPageFloorMs: null }))).toBe(true);
  });

  it('is not new in the first round', () => {
    expect(hasAppeared(exportJob('a', 501), null)).toBe(false);
  });
});

describe('what is forgotten', () => {
  it('are ended jobs off the newest page that nobody watches by name', () => {
    const jobs = known(
      exportJob('ended', 1, 'SUCCEEDED'),
      exportJob('named', 2, 'FAILED'),
      exportJob('on the page', 3, 'CANCELLED'),
      exportJob('running', 4),
    );
    const scope = { everything: true, ids: new Set(['named']) };
    const page = { jobs: new Set(['on the page']), floorMs: 3 };
    expect(forgettable(jobs, scope, page)).toEqual(['ended']);
    expect(forgettable(jobs, scope, { ...page, floorMs: null })).toEqual([]);
  });

  it('are the oldest of too many running jobs that nobody watches', () => {
    const jobs = known(...running(maxUnwatchedRunning + 2));
    const page = { jobs: new Set<string>(), floorMs: 9_000 };
    expect(forgettable(jobs, named('job-0'), page)).toEqual(['job-1']);
    expect(forgettable(jobs, everything, page)).toEqual([]);
  });
});
