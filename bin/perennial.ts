#!/usr/bin/env node
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { runProgram } from '../cli/program.ts';

// A reader such as `head` may close the pipe early: that is its right and no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } finally {
    lines.close();
  }
}

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line.replace(/\n$/, '')}\n`),
  error: (line) => process.stderr.write(`${line.replace(/\n$/, '')}\n`),
  readInput: () => text(process.stdin),
  ...(process.stdin.isTTY ? { confirm } : {}),
});
