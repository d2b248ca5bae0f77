import { parentPort, workerData } from 'node:worker_threads';
import * as z from 'zod/mini';
import { scenarioNames } from '../sim/scenarios.ts';
import { simulateSeeds } from './simulate-seeds.ts';

/** What the command hands to one of its workers. */
const taskSchema = z.object({
  first: z.number(),
  count: z.number(),
  stride: z.number(),
  scenario: z.optional(z.enum(scenarioNames)),
});

// Thousands of errors are thrown on purpose, and nobody reads where: a seed that fails is played again by the command.
Error.stackTraceLimit = 0;

const { scenario, ...seeds } = taskSchema.parse(workerData);
// A worker's port has no origin: https://nodejs.org/api/worker_threads.html#portpostmessagevalue-transferlist
parentPort?.postMessage(await simulateSeeds(seeds, scenario)); // oxlint-disable-line unicorn/require-post-message-target-origin
