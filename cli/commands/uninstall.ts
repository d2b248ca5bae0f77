import { PermanentError, RetryableError } from '../../core/environment/errors.ts';
import { lists } from '../../core/records/keys.ts';
import { type Answer, counted, table } from '../output.ts';
import type { UninstallAnswer } from '../schemas.ts';
import { commandFor, headerOf, outputOf, type Target } from '../target.ts';
import { type LeavingItem, planLeaving } from '../uninstall-plan.ts';

/** One run changes at most so many things; the same command goes on. */
const MAX_CHANGES = 200;

interface UninstallOptions {
  readonly yes?: boolean;
  readonly handOver?: boolean;
}

type Row = UninstallAnswer['items'][number];

/** `perennial uninstall [--yes] [--hand-over]`: what Perennial left outside its stacks, and with --yes what becomes of it. */
export async function uninstall(target: Target, { yes = false, handOver = false }: UninstallOptions): Promise<Answer> {
  const plan = planLeaving({ ...(await target.leaving.find()), tableName: outputOf(target, 'TableName') }, handOver);
  const running = await target.records.list(lists.runningRemediations(target.scope), { limit: 10 });
  const ids = running.records.map(({ key }) => key.sort);
  if (yes && ids.length > 0) return refused(target, ids, plan);
  const items = yes ? await carryOut(target, plan) : plan.map((item): Row => ({ ...rowOf(item), outcome: item.action === 'leave' ? 'left' : 'planned' }));
  const open = items.filter(({ outcome }) => outcome === 'planned' || outcome === 'failed').length;
  const json: UninstallAnswer = { isCarriedOut: yes, isHandOver: handOver, items: [...items], open, runningRemediations: ids };
  return {
    json,
    text: [headerOf(target), render(items), ...closing(target, json)].join('\n'),
    exitCode: items.some(({ outcome }) => outcome === 'failed') ? 1 : 0,
  };
}

function rowOf({ kind, id, action, why, how }: LeavingItem): Omit<Row, 'outcome'> {
  return { kind, id, action, why, how };
}

/** One after the other, one id a call; one that fails does not keep the others. */
async function carryOut({ leaving }: Target, plan: readonly LeavingItem[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let changes = 0;
  for (const item of plan) {
    if (item.action === 'leave') rows.push({ ...rowOf(item), outcome: 'left' });
    else if (changes === MAX_CHANGES) rows.push({ ...rowOf(item), outcome: 'planned' });
    else {
      changes += 1;
      rows.push({ ...rowOf(item), ...(await outcomeOf(() => leaving.carryOut(item))) });
    }
  }
  return rows;
}

async function outcomeOf(call: () => Promise<void>): Promise<Pick<Row, 'outcome' | 'error'>> {
  try {
    await call();
    return { outcome: 'done' };
  } catch (error) {
    if (error instanceof RetryableError || error instanceof PermanentError) return { outcome: 'failed', error: error.message };
    throw error;
  }
}

function refused(target: Target, ids: readonly string[], plan: readonly LeavingItem[]): Answer {
  const items = plan.map((item): Row => ({ ...rowOf(item), outcome: item.action === 'leave' ? 'left' : 'planned' }));
  const open = items.filter(({ outcome }) => outcome === 'planned').length;
  const json: UninstallAnswer = { isCarriedOut: false, isHandOver: false, items, open, runningRemediations: [...ids] };
  const text = [
    headerOf(target),
    `Nothing was changed: ${counted(ids.length, 'repair')} still running (${ids.join(', ')}).`,
    `Take them to their safe point first: ${commandFor(target, 'pause --reason "uninstall"')}`,
  ];
  return { json, text: text.join('\n'), exitCode: 2 };
}

function render(items: readonly Row[]): string {
  const rows = items.map(({ kind, id, outcome, why, how, error }) => [kind, id, outcome, error ?? why, how]);
  return table(['what', 'id', 'state', 'why', 'how'], rows, 'Nothing is left outside the stacks.');
}

function closing(target: Target, { isCarriedOut, isHandOver, open, runningRemediations }: UninstallAnswer): readonly string[] {
  const words = `uninstall${isHandOver ? ' --hand-over' : ''} --yes`;
  if (!isCarriedOut)
    return [
      `Nothing was changed. ${counted(open, 'thing')} would be.`,
      ...(runningRemediations.length === 0
        ? []
        : [`Repairs are running (${runningRemediations.join(', ')}): pause first, ${commandFor(target, 'pause --reason "uninstall"')}`]),
      `Do it: ${commandFor(target, words)}`,
    ];
  if (open > 0)
    return [`${counted(open, 'thing')} still to do; a group can go only after its instances have. Again in some minutes: ${commandFor(target, words)}`];
  return ['Nothing of Perennial is left outside its stacks but what is said to be left. Now delete the stacks: npx cdk destroy PerennialConsole Perennial'];
}
