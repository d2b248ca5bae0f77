import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { addSeconds, startOfMinute } from '../../core/environment/time.ts';
import { runNow, until } from '../../sandbox/demo/story.ts';
import { TILL } from './budget-catalog.ts';
import { type Ground, perennial, prepareGround, readDeliveries, readItems, typed } from './world.ts';

/* The life of a budget on the deployed platform: metrics go in, the budget falls, people are paged, the gate closes; a correction opens it. */

const BAD_MINUTES = 13;

let ground: Ground;
let now: string;

/** A sale a second in every minute of the last quarter of an hour, and none of them finished. */
async function failSales(): Promise<void> {
  const minutes = Array.from({ length: BAD_MINUTES }, (_, index) => new Date(Date.parse(now) - (index + 1) * 60_000));
  const MetricData = minutes.flatMap((Timestamp) => [
    { MetricName: TILL.total, Timestamp, Value: 60 },
    { MetricName: TILL.good, Timestamp, Value: 0 },
  ]);
  await ground.clients.cloudWatch.send(new PutMetricDataCommand({ Namespace: TILL.namespace, MetricData }));
}

const evaluate = () => runNow(ground.clients, ground.outputs.BudgetFunctionName);

const gateSchema = z.object({ open: z.boolean(), answer: z.string(), budgetRemainingRatio: z.nullable(z.number()) });

async function gate(): Promise<z.infer<typeof gateSchema> & { readonly exitCode: number }> {
  const { exitCode, text } = await typed(['gate', TILL.system, '--json']);
  return { exitCode, ...z.parse(gateSchema, JSON.parse(text)) };
}

const incidentSchema = z.object({ id: z.string(), state: z.string(), severity: z.string(), system: z.optional(z.string()), title: z.string() });

const notificationSchema = z.object({ messageId: z.optional(z.string()), channels: z.array(z.string()) });

const signalSchema = z.object({ rule: z.string(), kind: z.string(), state: z.string() });

/** How the alert that the objective declares stands, by what was said of it on the queue. */
const declaredAlert = async () => (await readItems(ground, 'signal', signalSchema)).filter(({ rule }) => rule === `${TILL.objective} ${TILL.policy}`);

const incidents = async () => (await readItems(ground, 'incident', incidentSchema)).filter(({ system }) => system === TILL.system);

beforeAll(async () => {
  ground = await prepareGround('e2e-budget');
  now = startOfMinute(new Date().toISOString());
  await failSales();
});

describe('a till that takes no money', () => {
  it('spends its budget: the minutes that failed, and no more (S2-03)', async () => {
    const budget = await until('The spent budget', 180, async () => {
      await evaluate();
      const { budgets } = z.parse(
        z.object({ budgets: z.array(z.object({ objective: z.string(), consumedSeconds: z.number(), remainingRatio: z.number() })) }),
        await perennial(ground, ['status']),
      );
      const found = budgets.find(({ objective }) => objective === TILL.objective);
      return found !== undefined && found.consumedSeconds > 0 ? found : undefined;
    });
    expect(budget.consumedSeconds).toBe(BAD_MINUTES * 60);
    expect(budget.remainingRatio).toBeCloseTo(1 - (BAD_MINUTES * 60) / 604.8, 6);
  });

  it('pages for the fast burn, with when the budget is gone', async () => {
    const page = await until('The page', 180, async () =>
      (await readDeliveries(ground)).find(({ subject }) => subject.startsWith(`[critical] ${TILL.system}`)),
    );
    // Phones get many pages of one minute as one message: the record says who was meant.
    const recorded = await until('The record of the page', 60, async () =>
      (await readItems(ground, 'notification', notificationSchema)).find(({ messageId }) => messageId === page.messageId),
    );
    expect(recorded.channels).toContain('sms');
    const burning = (await incidents()).find(({ severity }) => severity === 'critical');
    expect(burning?.title).toMatch(/error budget of till/);
  });

  it('fires the alert that the objective declares itself', async () => {
    const told = await until('The declared alert', 180, async () => {
      await evaluate();
      const found = await declaredAlert();
      return found.length > 0 ? found : undefined;
    });
    expect(told).toMatchObject([{ kind: 'budget.condition', state: 'firing' }]);
  });

  it('closes the gate, and says why (S2-08)', async () => {
    expect(await gate()).toMatchObject({ exitCode: 2, open: false, answer: 'freeze' });
  });

  it('answers a deploy that begins all the same', async () => {
    const { text } = await typed(['deploy', 'start', TILL.system, '--version', '2.0.0', '--previous', '1.9.0', '--commit', '1a2b3c4']);
    expect(text).toContain('"answer": "freeze"');
  });

  it('lets a security fix pass with a name, and nothing else', async () => {
    const passed = await typed(['gate', TILL.system, '--exception', 'security', '--reason', 'CVE-2026-1234', '--for', '1h', '--json']);
    expect(passed.exitCode, passed.text).toBe(0);
  });
});

describe('the probe was wrong', () => {
  it('so a correction gives the minutes back, and the gate opens', async () => {
    const from = addSeconds(now, -BAD_MINUTES * 60);
    const entered = await typed(['slo', 'correct', TILL.objective, '--from', from, '--to', now, '--as', 'good', '--reason', 'the probe was wrong']);
    expect(entered.exitCode, entered.text).toBe(0);
    const left = await until('The budget that was given back', 180, async () => {
      await evaluate();
      const { budgetRemainingRatio } = await gate();
      return budgetRemainingRatio !== null && budgetRemainingRatio > 0 ? budgetRemainingRatio : undefined;
    });
    expect(left).toBeCloseTo(1, 6);
    expect(await gate()).toMatchObject({ exitCode: 0, open: true, answer: 'go' });
  });

  it('the declared alert is over', async () => {
    const ended = await until('The end of the declared alert', 180, async () => {
      await evaluate();
      return (await declaredAlert()).find(({ state }) => state === 'resolved');
    });
    expect(ended.kind).toBe('budget.condition');
  });

  it('the burn is over, and its incident with it', async () => {
    await until('The calm', 180, async () =>
      (await incidents()).every(({ state }) => ['stable', 'resolved', 'closed', 'post-mortem-due'].includes(state)) ? true : undefined,
    );
    const { text } = await typed(['slo', 'ledger', TILL.objective]);
    expect(text).toContain('the probe was wrong');
  });
});
