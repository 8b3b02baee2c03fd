import { type ChildProcess, spawn } from 'node:child_process';

/** Waits until its input ends. The processes of the group then have two seconds to end by themselves. */
const script = `
cat
kill -s TERM -- -"$1" || exit
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 0.1
  kill -s 0 -- -"$1" || exit
done
kill -s KILL -- -"$1"`;

/**
 * Ends a program and everything that it has started when this process ends, even if it is killed, by a separate process.
 * Processes that the program leaves behind are ended too. Spawn the program with `detached: true`.
 */
export function endWithThisProcess<Child extends ChildProcess>(child: Child): Child {
  // The program could not be started.
  if (child.pid === undefined) return child;
  const guard = spawn('sh', ['-c', script, 'sh', String(child.pid)], {
    // Ctrl-C in a terminal must not reach it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  child.once('close', () => guard.stdin.end());
  return child;
}
