/**
 * The guard waits until the input ends. It gives the programs of the group two seconds to end by themselves, and kills
 * the rest. It ignores signals, because those for the program are sent to the group as well. Descriptor 3 may be a
 * channel between two Node processes, which would stay open.
 */
const script = `
exec 9<&0
(
  trap '' HUP INT TERM
  cat <&9
  kill -s TERM -- -$$
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 $$ || break
    sleep 0.1
  done
  kill -s KILL -- -$$
) >/dev/null 2>&1 3>&- &
exec "$@" </dev/null 9<&-`;

/**
 * Command of a program that ends together with this process, even if this process is killed. Spawn it with
 * `detached: true` and a pipe as its standard input, which ends in both cases. The program has an empty input. When it
 * ends, the processes that it has left behind are ended too.
 */
export const underGuard = (
  command: string,
  args: readonly string[],
): readonly [command: string, args: readonly string[]] => ['sh', ['-c', script, 'sh', command, ...args]];
