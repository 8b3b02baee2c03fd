#!/usr/bin/env node
import { runProgram } from './runtime/command-line.ts';

const usage = `Usage: aep-export-gateway [gateway | emulator] [--help | --version]

  gateway        starts the gateway (default). Without AEP_BASE_URL it starts the emulator behind it.
  emulator       starts the platform emulator alone

  -h, --help     prints this text, or after a command the variables of the command
  -v, --version  prints the version

Environment variables configure both. Exit code 2 means that arguments or variables are wrong.
`;

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case undefined:
  case 'gateway':
    await start(() => import('./main.ts'));
    break;
  case 'emulator':
    await start(() => import('./emulator/main.ts'));
    break;
  default:
    await runProgram([command, ...rest], {
      usage,
      manifest: new URL('../package.json', import.meta.url),
      run: () => Promise.resolve(),
    });
}

/** Removes the command, because the programs read their arguments from `process.argv`. */
async function start(load: () => Promise<unknown>): Promise<void> {
  if (command !== undefined) process.argv.splice(2, 1);
  await load();
}
