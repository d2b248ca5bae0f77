import { userInfo } from 'node:os';
import { systemClock } from '../../aws/runtime/system.ts';
import { currentCatalog } from '../../core/catalog/published.ts';
import { keys, partitions } from '../../core/records/keys.ts';
import { readAll, updateRecord } from '../../core/records/record-type.ts';
import { closedBreaker } from '../../core/remediation/breaker.ts';
import { groupType, pauseType, type Platform, platformType } from '../../core/remediation/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import { headerOf, type Target } from '../target.ts';

async function switchTarget(target: Target, system: string | undefined): Promise<string> {
  if (system === undefined) return 'global';
  const catalog = await currentCatalog(target.records, target.scope);
  const names = catalog.systems.map((candidate) => candidate.metadata.name);
  if (!names.includes(system)) throw new CliError(`There is no system ${system} in the published catalog. Declared are: ${names.join(', ') || 'none'}.`);
  return `system#${system}`;
}

async function setPause(target: Target, system: string | undefined, isPaused: boolean, reason: string): Promise<Answer> {
  const name = await switchTarget(target, system);
  const pause = { target: name, isPaused, by: userInfo().username, reason, at: systemClock.now() };
  await updateRecord(target.records, pauseType, keys.pause(target.scope, name), (before) => (before?.isPaused === isPaused && before.reason === reason ? before : pause));
  return ok(pause, `${headerOf(target)}\n${name} is ${isPaused ? 'paused' : 'resumed'}: ${reason}`);
}

/** `perennial pause [system]`: no new repairs; running ones go to their nearest safe point. */
export function pause(target: Target, system: string | undefined, reason: string): Promise<Answer> {
  return setPause(target, system, true, reason);
}

/** `perennial resume [system]`: also closes the breakers that wait for a person. */
export async function resume(target: Target, system: string | undefined, reason: string): Promise<Answer> {
  const answer = await setPause(target, system, false, reason);
  const { records, scope } = target;
  if (system === undefined) {
    await updateRecord(records, platformType, keys.platform(scope), (platform): Platform | undefined => (platform === undefined || platform.breaker.state === 'closed' ? platform : { ...platform, breaker: { state: 'closed' }, unhealthySystems: [] }));
  }
  const groups = await readAll(groupType, (page) => records.query(partitions.groups(scope), system === undefined ? '' : `${system}/`, page));
  for (const { key } of groups) {
    await updateRecord(records, groupType, key, (group) => (group === undefined || group.breaker.state === 'closed' ? group : { ...group, breaker: closedBreaker }));
  }
  return answer;
}
