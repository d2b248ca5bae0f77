import { readEnvironment } from '../aws/runtime/environment.ts';
import { createMeter } from '../aws/runtime/metrics.ts';
import { createPlatform } from '../aws/runtime/platform.ts';
import { type DeskSummary, runDesk } from '../core/incidents/lifecycle/desk.ts';
import { flushBundles } from '../core/incidents/fan-out/flush-bundles.ts';

const platform = createPlatform('desk', readEnvironment('desk'));
const meter = createMeter('desk');

/** The minute's look at every incident: what is verified, who is asked next, what waits to be sent. */
export async function handler(): Promise<DeskSummary> {
  const summary = await runDesk(platform, await platform.catalog());
  const failed = (await flushBundles(platform)).filter(({ kind }) => kind === 'failed').map(({ id, reason }) => `${id}: ${reason}`);
  const problems = [...summary.problems, ...failed];
  platform.log[problems.length === 0 ? 'info' : 'error']('The desk has looked at the incidents', { ...summary, problems });
  meter.count('DeskRuns');
  meter.flush();
  return { ...summary, problems };
}
