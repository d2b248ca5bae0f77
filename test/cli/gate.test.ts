import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { deploySchema, gateSchema } from '../../cli/schemas.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord } from '../../core/records/record-type.ts';
import { objectiveHeadType } from '../../core/slo/kept/state.ts';
import { testScope } from '../core/remediation/world.ts';
import { createDesk, type Desk, type, typeJson } from './terminal.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
});

async function withBudget(remainingRatio: number): Promise<void> {
  const at = desk.world.clock.now();
  await createRecord(desk.world.store, objectiveHeadType, keys.objectiveState(testScope, 'shop-web-availability'), {
    objective: 'shop-web-availability',
    system: 'shop-web',
    since: at,
    sealedUntil: `${at.slice(0, 13)}:00:00.000Z`,
    recent: [],
    budget: { at, windowSeconds: 2_592_000, targetRatio: 0.999, budgetSeconds: 2592, consumedSeconds: 2592 * (1 - remainingRatio), remainingRatio, sli: 0.999 },
  });
}

const gate = (...words: readonly string[]) => type(['gate', 'shop-web', ...words], desk.target);

describe('gate (S2-08)', () => {
  it('says yes with budget left, no when it is spent', async () => {
    await withBudget(0.4);
    const { exitCode, json } = await typeJson(['gate', 'shop-web'], desk.target);
    expect(exitCode).toBe(0);
    expect(z.parse(gateSchema, json)).toMatchObject({
      open: true,
      answer: 'go',
      budgetRemainingRatio: 0.4,
      objective: 'shop-web-availability',
      exception: null,
    });
  });

  it('closes with exit 2 and says what helps', async () => {
    await withBudget(-0.2);
    const { exitCode, out } = await gate();
    expect(exitCode).toBe(2);
    expect(out).toMatch(/shop-web: freeze\. The error budget of shop-web-availability is overspent by 20 %/);
  });

  it('records who lets a P0 or a security fix pass, masked, and for how long', async () => {
    await withBudget(-0.2);
    const { exitCode, out } = await gate('--exception', 'security', '--reason', 'asked by jo@example.com', '--for', '1h');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/kim lets this pass/);
    expect(out).not.toContain('jo@example.com');
    desk.world.clock.advance(3600);
    expect((await gate()).exitCode).toBe(2);
  });

  it.each([
    [['--exception', 'p0'], /needs a reason/],
    [['--exception', 'p0', '--reason', 'x', '--for', '48h'], /at most 24h/],
    [['--exception', 'p0', '--reason', 'x', '--for', 'long'], /"long" is none/],
    [['--exception', 'boredom', '--reason', 'x'], /Allowed choices are p0, security/],
  ])('refuses %j', async (words, message) => {
    await withBudget(-0.2);
    const { exitCode, error } = await gate(...words);
    expect(exitCode).toBe(1);
    expect(error).toMatch(message);
    expect((await gate()).exitCode).toBe(2);
  });

  it('knows no budget of a system that nobody declared', async () => {
    const { exitCode, error } = await type(['gate', 'shop-wbe'], desk.target);
    expect(exitCode).toBe(1);
    expect(error).toContain('Did you mean shop-web?');
  });

  it('answers the start of a deploy, and announces it all the same', async () => {
    await withBudget(-0.2);
    const words = ['deploy', 'start', 'shop-web', '--version', '5.3.0', '--previous', '5.2.1', '--commit', '1a2b3c4'];
    const { exitCode, json } = await typeJson(words, desk.target);
    expect(exitCode).toBe(0);
    expect(z.parse(deploySchema, json).gate).toMatchObject({ answer: 'freeze' });
    expect(desk.announced).toHaveLength(1);
  });
});
