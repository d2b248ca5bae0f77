import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { deploySchema, doctorSchema, switchSchema } from '../../cli/schemas.ts';
import { keys } from '../../core/records/keys.ts';
import { createRecord, readRecord } from '../../core/records/record-type.ts';
import { groupType, pauseType, platformType } from '../../core/remediation/record.ts';
import { admitOld, testScope } from '../core/remediation/world.ts';
import { containing, createDesk, type Desk, type as typeWords, typeJson } from './terminal.ts';

const HEADER = 'account 111122223333 · eu-central-1 · stack Perennial';

let desk: Desk;
beforeEach(async () => {
  desk = await createDesk();
});

const type = (...words: readonly string[]) => typeWords(words, desk.target);
const pauseOf = async (target: string) => (await readRecord(desk.world.store, pauseType, keys.pause(testScope, target)))?.body;

async function turn(...words: readonly string[]): Promise<z.infer<typeof switchSchema>> {
  const { exitCode, json } = await typeJson(words, desk.target);
  expect(exitCode).toBe(0);
  return z.parse(switchSchema, json);
}

describe('pause and resume', () => {
  it('stop new repairs everywhere, with who, when and why (S1-21)', async () => {
    const { exitCode, out } = await type('pause', '--reason', 'network work');
    expect(exitCode).toBe(0);
    expect(out.split('\n').slice(0, 2)).toEqual([HEADER, 'Paused everything: network work']);
    expect(out).toContain('Undo it: npm run -s perennial -- resume --local');
    expect(await pauseOf('global')).toEqual({ target: 'global', isPaused: true, by: 'kim', reason: 'network work', at: '2026-11-21T09:00:00.000Z' });
    expect(await admitOld(desk.world)).toMatchObject({ kind: 'vetoed', guardrail: 'pause' });
  });

  it('stop one system, and say what is still paused afterwards', async () => {
    await turn('pause', '--reason', 'one');
    expect(await turn('pause', 'shop-web', '--reason', 'two')).toMatchObject({
      id: 'system#shop-web',
      system: 'shop-web',
      state: 'paused',
      paused: ['global', 'system#shop-web'],
    });
    expect((await type('resume')).out).toBe(`${HEADER}\nResumed everything: resumed by hand\nStill paused: the system shop-web`);
    expect(await turn('resume', 'shop-web')).toMatchObject({ isPaused: false, isChanged: true, paused: [] });
  });

  it('change nothing when it is so already', async () => {
    await turn('pause', '--reason', 'one');
    desk.world.clock.advance(60);
    expect(await turn('pause', '--reason', 'one')).toMatchObject({ isChanged: false, at: '2026-11-21T09:00:00.000Z' });
    await turn('resume');
    expect(await turn('resume')).toMatchObject({ isChanged: false });
    expect((await type('resume', 'shop-web')).out).toContain('Not paused: the system shop-web.');
    expect(await pauseOf('system#shop-web')).toBeUndefined();
  });

  it('refuse a system that is not declared, a missing reason and an empty one', async () => {
    expect(await type('pause', 'shop-wbe', '--reason', 'x')).toMatchObject({
      exitCode: 1,
      out: '',
      error: containing('nothing was switched. Did you mean shop-web?'),
    });
    expect(await type('pause')).toMatchObject({ exitCode: 1, error: containing("Required option '--reason <text>' not specified.") });
    expect(await type('pause', '--reason', ' ')).toMatchObject({ exitCode: 1, error: containing('A pause needs a reason') });
    expect(await pauseOf('global')).toBeUndefined();
  });

  it('resume closes the breakers that wait for a person, and names them', async () => {
    const { store } = desk.world;
    const open = { state: 'open', since: '2026-11-21T08:00:00.000Z' } as const;
    await createRecord(store, platformType, keys.platform(testScope), { inFlight: [], starts: [], unhealthySystems: [], breaker: open });
    await createRecord(store, groupType, keys.group(testScope, 'shop-web/web'), {
      id: 'shop-web/web',
      inFlight: [],
      unhealthy: [],
      breaker: { ...open, isProbeFailed: true },
    });
    expect(await turn('resume', 'shop-web')).toMatchObject({ closedBreakers: ['shop-web/web'] });
    expect(await turn('resume')).toMatchObject({ closedBreakers: ['platform'] });
    expect((await readRecord(store, groupType, keys.group(testScope, 'shop-web/web')))?.body.breaker.state).toBe('closed');
  });
});

const causesNow = async () => (await readRecord(desk.world.store, platformType, keys.platform(testScope)))?.body.causeBreakers;

describe('the breaker of a cause that two systems share', () => {
  const since = '2026-11-21T08:00:00.000Z';

  it('is probed again when a system that it concerns is resumed, and closes when everything is', async () => {
    const trouble = { groupMembers: 3, incidentId: 'inc-1', at: since, causes: ['zone:eu-central-1a'] };
    await createRecord(desk.world.store, platformType, keys.platform(testScope), {
      inFlight: [],
      starts: [],
      unhealthySystems: [],
      breaker: { state: 'closed' },
      troubles: [{ ...trouble, slotId: 'shop-web/1', groupId: 'shop-web/web' }],
      causeBreakers: [
        { cause: 'zone:eu-central-1a', since, isProbeFailed: true },
        { cause: 'image:ami-1', since, isProbeFailed: true },
      ],
    });
    expect(await turn('resume', 'shop-web')).toMatchObject({ closedBreakers: ['the zone eu-central-1a'] });
    expect((await causesNow())?.map(({ isProbeFailed }) => isProbeFailed)).toEqual([false, true]);
    expect(await turn('resume')).toMatchObject({ closedBreakers: ['the zone eu-central-1a', 'the image ami-1'] });
    expect(await causesNow()).toBeUndefined();
    expect(await turn('resume')).toMatchObject({ closedBreakers: [] });
  });
});

const good = ['--version', '5.3.0', '--previous', '5.2.1', '--commit', '1a2b3c4'];

describe('deploy', () => {
  it.each([
    ['start', 'Deployment Started'],
    ['finish', 'Deployment Finished'],
    ['fail', 'Deployment Failed'],
    ['rollback', 'Deployment Rolled Back'],
  ])('%s announces "%s" (S4-03)', async (action, eventType) => {
    const { exitCode, json } = await typeJson(['deploy', action, 'shop-web', ...good], desk.target);
    expect(exitCode).toBe(0);
    expect(z.parse(deploySchema, json)).toMatchObject({ type: eventType, system: 'shop-web', version: '5.3.0', deployer: 'kim', findings: [] });
    expect(desk.announced).toMatchObject([{ type: eventType, detail: { previousVersion: '5.2.1', at: '2026-11-21T09:00:00.000Z' } }]);
  });

  it('says what is badly described and announces it all the same (S0-26, S4-04, S4-06)', async () => {
    const { exitCode, out } = await type('deploy', 'start', 'shop-web', '--version', 'latest', '--database-change');
    expect(exitCode).toBe(0);
    for (const rule of ['version-not-fixed', 'commit-missing', 'previous-version-missing', 'rollback-not-tested']) expect(out).toContain(`  ${rule}: `);
    expect(out).toContain('Deployment Started: shop-web latest\n');
    expect(desk.announced).toHaveLength(1);
  });

  it('warns of a system that nobody declared', async () => {
    expect((await type('deploy', 'start', 'shop-wbe', ...good)).out).toContain('Did you mean shop-web?');
    expect(desk.announced).toHaveLength(1);
  });

  it.each([
    [['start', 'shop-web'], '--version: name the version'],
    [['start', 'Shop Web', ...good], 'must be a name'],
    [['jump', 'shop-web', ...good], 'Write one of: start, finish, fail, rollback.'],
  ])('refuses %j and announces nothing', async (words, reason) => {
    expect(await type('deploy', ...words)).toMatchObject({ exitCode: 1, out: '', error: containing(reason) });
    expect(desk.announced).toEqual([]);
  });

  it('says what to do when the stack is too old', async () => {
    desk = await createDesk({ outputs: {} });
    expect(await type('deploy', 'start', 'shop-web', ...good)).toMatchObject({ exitCode: 1, error: containing('has no output EventBusName') });
  });
});

const findings = async (changes: Parameters<typeof createDesk>[0] = {}) => {
  desk = await createDesk(changes);
  const { exitCode, json } = await typeJson(['doctor'], desk.target);
  return { exitCode, byId: new Map(z.parse(doctorSchema, json).map((finding) => [finding.id, finding])) };
};

describe('doctor', () => {
  it('answers no (exit 2) while something is wrong', async () => {
    const { exitCode, byId } = await findings();
    expect(exitCode).toBe(2);
    expect(byId.get('sweep')).toMatchObject({ state: 'problem', reason: containing('every 10 minutes') });
    expect([...byId.values()].filter(({ state }) => state !== 'ok').map(({ id }) => id)).toEqual(['sweep']);
    const { out } = await type('doctor');
    expect(out.split('\n').at(0)).toBe(HEADER);
    expect(out.split('\n').at(-1)).toBe('1 problem found.');
  });

  it('never calls fine what it could not ask', async () => {
    const denied = Object.assign(new Error('User is not authorized'), { name: 'AccessDenied', $metadata: {} });
    const { byId } = await findings({
      account: { subscriptions: () => Promise.reject(denied), sms: () => Promise.reject(denied), concurrency: () => Promise.reject(denied) },
    });
    for (const id of ['subscriptions', 'sms', 'concurrency'])
      expect(byId.get(id)).toMatchObject({ state: 'unknown', reason: containing('Your credentials may not do this') });
    expect((await type('doctor')).out).toContain('3 checks could not be made.');
  });

  it.each([
    ['subscriptions', { total: 3, unconfirmed: 1 }, 'follow the link'],
    ['subscriptions', { total: 0, unconfirmed: 0 }, 'nobody is paged'],
    ['sms', { isInSandbox: true }, 'sandbox'],
    ['sms', { isInSandbox: false }, '1 USD a month'],
    ['concurrency', { unreserved: 5 }, 'only 5'],
  ])('finds the problem of %s: %j', async (id, answer, reason) => {
    const account = {
      subscriptions: async () => ({ total: 2, unconfirmed: 0 }),
      sms: async () => ({ isInSandbox: false, monthlyLimitDollars: 20 }),
      concurrency: async () => ({ unreserved: 900 }),
      [id]: async () => answer,
    };
    expect((await findings({ account })).byId.get(id)).toMatchObject({ state: 'problem', reason: containing(reason) });
  });

  it('finds messages that wait', async () => {
    desk.queues.fill('q/dead', ['x']);
    expect((await type('doctor')).out).toContain(
      'dead-letter-queue           1 message waiting. Look at them: npm run -s perennial -- dead-letters list --local',
    );
  });
});
