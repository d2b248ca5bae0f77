#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { runProgram } from '../cli/program.ts';

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line.replace(/\n$/, '')}\n`),
  error: (line) => process.stderr.write(`${line.replace(/\n$/, '')}\n`),
  readInput: () => text(process.stdin),
});
