import { z } from 'zod';
import { json, type Reply } from '../http/operation.ts';
import { maximumRate } from '../settings/emulator-clock.ts';
import { type AdminEndpoint, AdminError, type AdminRequest, parseAs } from './endpoint.ts';

/** Control over the clock of an emulator, for the program that started it and for the admin endpoint. */
export interface ClockControl {
  now(): Date;
  /** Seconds of emulator time per second of machine time; 0 when the clock stands still. */
  readonly rate: number;
  setRate(rate: number): void;
  /** Moves the clock forward. Resolves when all jobs and schedules that became due have run and are idle. */
  advanceBy(ms: number): Promise<void>;
}

/** Longest advance of one request: 31 days. Each run of a schedule in between is carried out. */
export const longestAdvanceMs = 31 * 86_400_000;

const advanceBody = z.union(
  [
    z.strictObject({ advanceMs: z.int().min(0).max(longestAdvanceMs) }),
    z.strictObject({ advanceTo: z.iso.datetime({ offset: true }) }),
  ],
  { error: `must be {"advanceMs": 0 to ${longestAdvanceMs}} or {"advanceTo": "a time such as 2026-01-01T00:00:00Z"}` },
);
const rateBody = z.strictObject({ rate: z.number().min(0).max(maximumRate) });

/** Shows the clock, moves it forward, and changes its rate. */
export function clockEndpoint(clock: ClockControl | null): AdminEndpoint {
  const controlled = (): ClockControl => {
    if (clock !== null) return clock;
    throw new AdminError(409, 'The clock belongs to the program that started the emulator.');
  };
  const shown = (): Reply => {
    const own = controlled();
    return json({ now: own.now().toISOString(), rate: own.rate });
  };
  return {
    path: '/clock',
    summary: 'POST moves the clock forward, PUT changes its rate',
    methods: {
      GET: shown,
      POST: async (request) => {
        await controlled().advanceBy(await advanceOf(request, controlled()));
        return shown();
      },
      PUT: async (request) => {
        controlled().setRate(parseAs(rateBody, await request.body(), 'clock').rate);
        return shown();
      },
    },
  };
}

async function advanceOf(request: AdminRequest, clock: ClockControl): Promise<number> {
  const body = parseAs(advanceBody, await request.body(), 'clock');
  if ('advanceMs' in body) return body.advanceMs;
  const byMs = new Date(body.advanceTo).getTime() - clock.now().getTime();
  if (byMs < 0) throw new AdminError(400, `advanceTo: is before the current time ${clock.now().toISOString()}`);
  if (byMs > longestAdvanceMs) throw new AdminError(400, 'advanceTo: is more than 31 days ahead');
  return byMs;
}
