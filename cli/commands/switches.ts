import { currentCatalog } from '../../core/catalog/published.ts';
import { nearest } from '../../core/catalog/nearest.ts';
import { keys, partitions } from '../../core/records/keys.ts';
import { readAll, updateRecord } from '../../core/records/record-type.ts';
import { closedBreaker } from '../../core/remediation/guardrails/breaker.ts';
import { causeText, resumeCauses } from '../../core/remediation/guardrails/cause-breaker.ts';
import { type Group, groupType, type Pause, pauseType, type Platform, platformType } from '../../core/remediation/record.ts';
import { CliError } from '../cli-error.ts';
import { type Answer, ok } from '../output.ts';
import type { PauseItem, SwitchAnswer } from '../schemas.ts';
import { commandFor, headerOf, type Target } from '../target.ts';

const GLOBAL = 'global';

/** `null`: the switch of the whole platform. */
function systemOf(nameOfSwitch: string): string | null {
  return nameOfSwitch === GLOBAL ? null : nameOfSwitch.replace('system#', '');
}

/** How a person calls what a switch stops. */
export function switchedThing(nameOfSwitch: string): string {
  const system = systemOf(nameOfSwitch);
  return system === null ? 'everything' : `the system ${system}`;
}

/** The switches that are set. */
export async function readPauses({ records, scope }: Pick<Target, 'records' | 'scope'>): Promise<readonly PauseItem[]> {
  const switches = await readAll(pauseType, (page) => records.query(partitions.pauses(scope), '', page));
  return switches.filter(({ body }) => body.isPaused).map(({ body }) => pauseItem(body));
}

function pauseItem({ target, isPaused, by, reason, at }: Pause): PauseItem {
  return { id: target, target, system: systemOf(target), state: isPaused ? 'paused' : 'running', startedAt: at, reason, by, at };
}

async function findSwitch(target: Target, system: string | undefined): Promise<string> {
  if (system === undefined) return GLOBAL;
  const catalog = await currentCatalog(target.records, target.scope);
  const names = catalog.systems.map((candidate) => candidate.metadata.name);
  if (names.includes(system)) return `system#${system}`;
  const meant = nearest(system, names);
  const hint = meant === undefined ? `Declared are: ${names.join(', ') || 'none'}.` : `Did you mean ${meant}?`;
  throw new CliError(`There is no system ${system} in the published catalog, so nothing was switched. ${hint}`);
}

interface Switched {
  readonly stored: Pause;
  readonly isChanged: boolean;
}

async function turn(target: Target, name: string, isPaused: boolean, reason: string, isFrozen = false): Promise<Switched> {
  const wanted = { target: name, isPaused, ...(isFrozen ? { isFrozen } : {}), by: target.operator, reason, at: target.clock.now() };
  const isSame = (before: Pause): boolean =>
    before.isPaused === isPaused && (!isPaused || (before.reason === reason && (before.isFrozen ?? false) === isFrozen));
  const { body, written } = await updateRecord(target.records, pauseType, keys.pause(target.scope, name), (before) => {
    if (before === undefined) return isPaused ? wanted : undefined;
    return isSame(before) ? before : wanted;
  });
  return { stored: body ?? wanted, isChanged: written };
}

async function answerOf(target: Target, { stored, isChanged }: Switched, closedBreakers: readonly string[]): Promise<SwitchAnswer> {
  const paused = (await readPauses(target)).map((found) => found.target);
  const { isPaused, isFrozen = false } = stored;
  return { ...pauseItem(stored), state: isPaused ? 'paused' : 'running', isPaused, isFrozen, isChanged, paused, closedBreakers: [...closedBreakers] };
}

/** `perennial pause [system]`: no new repairs; running ones go to their nearest safe point, or with `--freeze` stay where they are. */
export async function pause(target: Target, system: string | undefined, reason: string, isFrozen = false): Promise<Answer> {
  if (reason.trim() === '') throw new CliError('A pause needs a reason: others will ask at night. Say it with --reason "network work".');
  const name = await findSwitch(target, system);
  const answer = await answerOf(target, await turn(target, name, true, reason, isFrozen), []);
  const text = [
    headerOf(target),
    answer.isChanged
      ? `${isFrozen ? 'Frozen: ' : 'Paused '}${switchedThing(name)}: ${reason}`
      : `Paused already by ${answer.by}: ${switchedThing(name)} (${answer.reason})`,
    isFrozen
      ? 'No new repair starts. Running ones stay exactly where they are, half-done or not: nothing is changed, and nothing is undone. People are paged after 10 minutes.'
      : 'No new repair starts. Running ones go to their nearest safe point: undone before the drain, finished after it. People are still told and paged.',
    `Undo it: ${commandFor(target, system === undefined ? 'resume' : `resume ${system}`)}`,
  ];
  return ok(answer, text.join('\n'));
}

/** `perennial resume [system]`: also closes the breakers that wait for a person. */
export async function resume(target: Target, system: string | undefined, reason: string): Promise<Answer> {
  const name = await findSwitch(target, system);
  const switched = await turn(target, name, false, reason);
  const answer = await answerOf(target, switched, await closeBreakers(target, system));
  const text = [
    headerOf(target),
    answer.isChanged ? `Resumed ${switchedThing(name)}: ${answer.reason}` : `Not paused: ${switchedThing(name)}.`,
    ...(answer.closedBreakers.length === 0 ? [] : [`Closed the circuit breakers of: ${answer.closedBreakers.join(', ')}`]),
    ...(answer.paused.length === 0 ? [] : [`Still paused: ${answer.paused.map(switchedThing).join(', ')}`]),
  ];
  return ok(answer, text.join('\n'));
}

/** Its breaker is open, or bad replacements have suspended it. */
function isHeld(group: Group): boolean {
  return group.breaker.state === 'open' || (group.failedReplacements ?? []).length > 0;
}

/** Gives the ids of those that were open. */
async function closeBreakers({ records, scope }: Target, system: string | undefined): Promise<readonly string[]> {
  const closed: string[] = [];
  if (system === undefined) {
    const { written } = await updateRecord(records, platformType, keys.platform(scope), (platform): Platform | undefined =>
      platform === undefined || platform.breaker.state === 'closed' ? platform : { ...platform, breaker: { state: 'closed' }, unhealthySystems: [] },
    );
    if (written) closed.push('platform');
  }
  closed.push(...(await resumeSharedCauses(records, scope, system)));
  const groups = await readAll(groupType, (page) => records.query(partitions.groups(scope), system === undefined ? '' : `${system}/`, page));
  for (const { key } of groups) {
    const { body, written } = await updateRecord(records, groupType, key, (group) =>
      group === undefined || !isHeld(group) ? group : { ...group, breaker: closedBreaker, failedReplacements: [] },
    );
    if (written && body !== undefined) closed.push(body.id);
  }
  return closed;
}

/** For everything: closes the breakers of shared causes. For one system: those whose probe failed may be probed again. Gives their names. */
async function resumeSharedCauses(records: Target['records'], scope: Target['scope'], system: string | undefined): Promise<readonly string[]> {
  let causes: readonly string[] = [];
  await updateRecord(records, platformType, keys.platform(scope), (platform) => {
    if (platform === undefined) return platform;
    const resumed = resumeCauses(platform, system);
    causes = resumed.causes;
    return resumed.platform;
  });
  return causes.map(causeText);
}
