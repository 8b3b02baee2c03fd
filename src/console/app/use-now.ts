import { useEffect } from 'react';
import { browserClock } from './clock.ts';
import { useValue } from './use-value.ts';
import { ValueStore } from './value-store.ts';

/** The present second, in milliseconds since 1970. All components share one timer, which runs while one of them is shown. */
const seconds = new ValueStore(browserClock.now());
let users = 0;
let cancel = () => {};

function tick(): void {
  const now = browserClock.now();
  seconds.set(now);
  // At the beginning of the next second, so that all times change together.
  cancel = browserClock.after(1_000 - (now % 1_000), tick);
}

/** The present time, in milliseconds since 1970. The component is rendered again every second. */
export function useNow(): number {
  useEffect(() => {
    users += 1;
    if (users === 1) tick();
    return () => {
      users -= 1;
      if (users === 0) cancel();
    };
  }, []);
  return useValue(seconds);
}
