/**
 * Fails for known vulnerabilities of the production dependencies that are not accepted. It passes with a message where
 * the registry serves no advisories.
 */
import { execFile } from 'node:child_process';
import { accepted } from './accepted.ts';
import { judgeAudit } from './audit.ts';

const output = await new Promise<string>((resolve) => {
  // npm ends with 1 if it has findings.
  execFile('npm', ['audit', '--omit=dev', '--json'], { maxBuffer: 2 ** 26 }, (_, stdout) => resolve(stdout));
});
const result = judgeAudit(output, accepted, new Date().toISOString().slice(0, 10));
switch (result.kind) {
  case 'unavailable':
    process.stdout.write('npm audit: the registry serves no advisories, so that nothing was checked.\n');
    break;
  case 'findings': {
    const problems = [
      ...result.findings,
      ...result.unused.map(
        (advisory) => `${advisory} is accepted in test/supply-chain/accepted.ts, and no longer found`,
      ),
    ];
    for (const problem of problems) process.stderr.write(`npm audit: ${problem}\n`);
    if (problems.length > 0) process.exitCode = 1;
    else process.stdout.write('npm audit: no findings.\n');
  }
}
