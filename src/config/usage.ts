import { variablesInPlainText } from '../runtime/variable.ts';
import { variables } from './variables.ts';

/** Text that `--help` of the gateway prints. */
export const usage = `Usage: node dist/main.js [--help | --version]

Starts the gateway: one GraphQL endpoint over the Adobe Experience Platform export APIs. It prints
\`ready http://HOST:PORT/graphql\` on standard output and logs JSON lines on standard error.

  -h, --help     prints this text
  -v, --version  prints the version

Exit codes: 0 after SIGTERM or SIGINT, 1 when it cannot run, 2 when arguments or variables are wrong. A second signal ends
the process at once.

Environment variables:

${variablesInPlainText(variables.shape)}`;
