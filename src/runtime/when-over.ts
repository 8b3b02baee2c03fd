/**
 * The same outcome, after `over` was called. As `finally`, at a third of its cost: it adds one promise where `finally`
 * adds three, and cannot wait.
 * @param over must not throw
 */
export const whenOver = <Value>(promise: Promise<Value>, over: () => void): Promise<Value> =>
  promise.then(
    (value) => {
      over();
      return value;
    },
    (error: unknown) => {
      over();
      throw error;
    },
  );
