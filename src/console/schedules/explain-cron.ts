import cronstrue from 'cronstrue';

/** Explains an expression in words; null: it cannot be read. Quartz counts the days of the week from 1, Sunday. */
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
