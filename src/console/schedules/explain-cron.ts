import cronstrue from 'cronstrue';

/** What an expression means, in words; null if it cannot be read. Quartz counts the days of the week from 1, Sunday. */
export function explainCron(expression: string): string | null {
  try {
    return cronstrue.toString(expression, {
      dayOfWeekStartIndexZero: false,
      use24HourTimeFormat: true,
      verbose: false,
    });
  } catch {
    return null;
  }
}
