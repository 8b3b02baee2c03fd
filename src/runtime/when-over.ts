/**
 * Calls `over` when a promise has settled, and then settles in the same way. It costs a third of `finally`, because it
 * adds one promise where `finally` adds three, and it cannot wait for `over`.
 * @param over must not throw
 */
export const whenOver = <Value>(promise: PromiseLike<Value>, over: () => void): PromiseLike<Value> =>
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
