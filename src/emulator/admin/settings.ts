import { z } from 'zod';
import { json } from '../http/operation.ts';
import { defaultPace, type EmulatorPace, paceNames, type StageDuration } from '../options.ts';
import { parseQuirks, QuirkError } from '../settings/quirk-values.ts';
import type { Settings } from '../settings/settings.ts';
import { type AdminEndpoint, AdminError, parseAs } from './endpoint.ts';

/** Longest duration of a stage: a day. */
const longestStageMs = 86_400_000;

const stage = z
  .tuple([z.int().min(0).max(longestStageMs), z.int().min(0).max(longestStageMs)])
  .refine(([shortest, longest]) => shortest <= longest, 'the shortest duration comes first');

const paceBody = z.union(
  [
    z.strictObject({ pace: z.enum(paceNames) }),
    z.strictObject({ stages: z.partialRecord(z.enum(stageNames()), stage) }),
  ],
  { error: `must be {"pace": ${paceNames.map((name) => `"${name}"`).join(' | ')}} or {"stages": {NAME: [ms, ms]}}` },
);

/** Shows and changes the durations of the stages of jobs. */
export function paceEndpoint(settings: Settings): AdminEndpoint {
  const shown = () => json({ stages: { ...settings.pace } });
  return {
    path: '/pace',
    summary: 'PUT sets the duration of jobs, DELETE restores the pace of the start',
    methods: {
      GET: shown,
      PUT: async (request) => {
        const body = parseAs(paceBody, await request.body(), 'pace');
        settings.setPace('pace' in body ? body.pace : stagesOf(body.stages));
        return shown();
      },
      DELETE: () => {
        settings.resetPace();
        return { kind: 'empty', status: 204 };
      },
    },
  };
}

/** Shows and changes quirks. */
export function quirksEndpoint(settings: Settings): AdminEndpoint {
  const shown = () => json({ ...settings.quirks });
  return {
    path: '/quirks',
    summary: 'PATCH changes named quirks, DELETE restores the quirks of the start',
    methods: {
      GET: shown,
      PATCH: async (request) => {
        try {
          settings.setQuirks(parseQuirks(await request.body()));
        } catch (error) {
          throw error instanceof QuirkError ? new AdminError(400, error.message) : error;
        }
        return shown();
      },
      DELETE: () => {
        settings.resetQuirks();
        return { kind: 'empty', status: 204 };
      },
    },
  };
}

function stageNames(): (keyof EmulatorPace)[] {
  // The assertion holds because the default pace has exactly the stages as members.
  return Object.keys(defaultPace) as (keyof EmulatorPace)[];
}

/** Removes the stages that are not named. */
function stagesOf(stages: Partial<Record<keyof EmulatorPace, StageDuration | undefined>>): Partial<EmulatorPace> {
  return Object.fromEntries(Object.entries(stages).filter(([, duration]) => duration !== undefined));
}
