import { SendMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import * as z from 'zod/mini';
import { currentCatalog } from '../../core/catalog/published.ts';
import { STACK_NAME } from '../../sandbox/demo/deploy.ts';
import { until } from '../../sandbox/demo/story.ts';
import { VERIFIED_AFTER_SECONDS } from './incidents-catalog.ts';
import { type Message, Readers, whoGotWhat } from './incidents-mail.ts';
import { holdMinute, type Minute } from './incidents-minute.ts';
import { letPass, letSilencePass } from './incidents-time.ts';
import { type Ground, prepareGround, readDeliveries, readItems, typed, untilQuiet } from './world.ts';

/*
 * Who hears of what, on the deployed platform: signals go through the queue, messages come out of subscriptions with the deployed
 * filters, people type commands. Nothing is repaired here, and no minute is waited for: the desk's function is called, and what it
 * compares with the clock is moved into the past (incidents-time.ts).
 */

const local = inject('localAws');

const incidentItem = z.object({ id: z.string(), state: z.string(), place: z.string() });
type IncidentItem = z.infer<typeof incidentItem>;

let ground: Ground;
let readers: Readers;
let minute: Minute;

/** Longer than the platform waits until it believes that something is calm. */
const CALM_SECONDS = VERIFIED_AFTER_SECONDS * 3;

function event(detailType: string, detail: Readonly<Record<string, unknown>>): string {
  const time = new Date().toISOString();
  const { accountId, region } = local;
  return JSON.stringify({
    version: '0',
    id: `${detailType} ${time}`,
    source: 'perennial',
    'detail-type': detailType,
    account: accountId,
    region,
    time,
    resources: [],
    detail,
  });
}

const failed = (check: string, system: string): string => event('Check Failed', { check, system, reason: 'it is broken' });
const passed = (check: string, system: string): string => event('Check Passed', { check, system, reason: 'it is whole' });

/** Says these things on the queue; they are taken in to their end. */
async function say(...bodies: readonly string[]): Promise<void> {
  const Entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  await ground.clients.sqs.send(new SendMessageBatchCommand({ QueueUrl: ground.outputs.SignalsQueueUrl, Entries }));
  await untilQuiet(ground);
}

/** The newest incident at a place, such as `check/oven`. */
async function incidentAt(place: string): Promise<IncidentItem> {
  const found = (await readItems(ground, 'incident', incidentItem)).filter((incident) => incident.place === place);
  const [newest] = found.toSorted((left, right) => (left.id < right.id ? 1 : -1));
  if (newest === undefined) throw new Error(`No incident was opened at ${place}`);
  return newest;
}

const incidentOf = (check: string): Promise<IncidentItem> => incidentAt(`check/${check}`);

/** Types a command that must succeed; gives its JSON. */
async function type(...words: readonly string[]): Promise<string> {
  const { exitCode, text } = await typed(words);
  if (exitCode !== 0) throw new Error(`perennial ${words.join(' ')} ended with ${exitCode}: ${text}`);
  return text;
}

/** Who got which step since the last look: mail, and programs. */
async function heard(): Promise<{ readonly email: readonly string[]; readonly https: readonly string[] }> {
  const news = await readers.news();
  return { email: whoGotWhat(news, 'email'), https: whoGotWhat(news, 'https') };
}

const dataOf = (message: Message | undefined): unknown => JSON.parse(message?.body ?? '{}');

/** All is calm, and has been for long enough. */
async function settle(check: string): Promise<void> {
  const { id } = await incidentOf(check);
  await letPass(ground, CALM_SECONDS, [id]);
  await minute.desk();
}

/** What comes of the next minute in which nobody answers. */
async function nextMinute(check: string): ReturnType<typeof heard> {
  await letPass(ground, 60, [(await incidentOf(check)).id]);
  await minute.desk();
  return heard();
}

beforeAll(async () => {
  ground = await prepareGround('e2e-incidents');
  minute = await holdMinute(ground);
  readers = new Readers(ground, await currentCatalog(ground.records, ground.scope));
  await readers.open();
});

afterAll(async () => {
  await readers?.close();
  await minute?.release();
});

describe('a bakery, and a cafe that needs it', () => {
  let oven = '';
  let machine = '';

  it('has a mailbox for each role: what customers notice is told to all of them, and to the owner of what needs it (S4-40)', async () => {
    oven = failed('oven', 'bakery');
    await say(oven);
    const news = await readers.news();
    expect(whoGotWhat(news, 'email')).toEqual([
      'bakery-developers needs-person bakery',
      'bakery-operators needs-person bakery',
      'bakery-sales needs-person bakery',
      'team-bakery needs-person bakery',
      'team-cafe upstream bakery',
    ]);
    expect(news.find(({ step }) => step === 'upstream')?.subject).toContain('upstream incident: bakery');
    expect(whoGotWhat(news, 'https')).toEqual(['bakery-developers needs-person bakery']);
    expect(dataOf(news.find(({ by }) => by === 'https'))).toMatchObject({
      incidentId: (await incidentOf('oven')).id,
      system: 'bakery',
      severity: 'high',
      step: 'needs-person',
      isRepeat: false,
    });
  });

  it('does not bother the business with what a person reports as a warning', async () => {
    await type('incidents', 'open', '--system', 'bakery', '--severity', 'warning', '--title', 'crumbs on the floor');
    await untilQuiet(ground);
    const told = ['bakery-developers', 'bakery-operators', 'team-bakery'];
    expect(await heard()).toEqual({ email: told.map((name) => `${name} detected bakery`), https: ['bakery-developers detected bakery'] });
    await type('incidents', 'close', (await incidentAt('system/bakery')).id, '--reason', 'swept');
    await minute.desk();
    expect(await heard()).toEqual({ email: told.map((name) => `${name} recovered bakery`), https: ['bakery-developers recovered bakery'] });
  });

  it('explains the failure of the cafe: nobody is paged for it, its program hears of it and why', async () => {
    machine = failed('coffee-machine', 'cafe');
    await say(machine);
    const news = await readers.news();
    expect(whoGotWhat(news, 'email')).toEqual([]);
    expect(whoGotWhat(news, 'https')).toEqual(['cafe-operators needs-person cafe']);
    expect(dataOf(news[0])).toMatchObject({ suppressedBy: { kind: 'inhibition', id: (await incidentOf('oven')).id } });
  });

  it('tells nothing twice when the same signals come again', async () => {
    await say(oven, machine, oven, machine);
    await minute.desk();
    expect(await heard()).toEqual({ email: [], https: [] });
  });

  it('is well again: whoever heard of it hears that, and what still fails at the cafe pages then', async () => {
    await say(passed('oven', 'bakery'));
    expect((await incidentOf('oven')).state).toBe('stable');
    expect(await heard()).toEqual({ email: [], https: [] });
    await settle('oven');
    expect(await heard()).toEqual({
      email: [
        'bakery-developers recovered bakery',
        'bakery-operators recovered bakery',
        'bakery-sales recovered bakery',
        'cafe-operators needs-person cafe',
        'team-bakery recovered bakery',
        'team-cafe needs-person cafe',
        'team-cafe upstream bakery',
      ],
      https: ['bakery-developers recovered bakery'],
    });
  });

  it('and so is the cafe', async () => {
    await say(passed('coffee-machine', 'cafe'));
    await settle('coffee-machine');
    expect(await heard()).toEqual({ email: ['cafe-operators recovered cafe', 'team-cafe recovered cafe'], https: ['cafe-operators recovered cafe'] });
  });
});

describe('a museum where nobody answers', () => {
  const everybody = ['museum-board', 'museum-operators', 'team-museum'];
  it('asks the next level when the program of the first one answers with an error, all levels again, and then says that it was the end (S4-15)', async () => {
    await say(failed('roof', 'museum'));
    expect(await heard()).toEqual({ email: everybody.map((name) => `${name} needs-person museum`), https: ['museum-operators needs-person museum'] });
    const round = [
      { email: [], https: ['museum-operators escalated museum'] },
      { email: ['team-museum escalated museum'], https: [] },
      { email: ['museum-board escalated museum'], https: [] },
    ];
    const nothing = { email: [], https: [] };
    for (const [index, expected] of [...round, ...round, nothing, nothing].entries()) expect(await nextMinute('roof'), `minute ${index + 1}`).toEqual(expected);
    expect(await type('incidents', (await incidentOf('roof')).id)).toContain('Nobody has answered: 3 levels were asked 2 times');
  });

  it('tells whoever was asked that a person has closed it', async () => {
    await type('incidents', 'close', (await incidentOf('roof')).id, '--reason', 'the museum has moved');
    await minute.desk();
    expect(await heard()).toEqual({ email: everybody.map((name) => `${name} recovered museum`), https: ['museum-operators recovered museum'] });
  });

  it('asks nobody else once somebody has it, and asks again when nothing came of that', async () => {
    await say(failed('door', 'museum'));
    await heard();
    expect(await nextMinute('door')).toEqual({ email: [], https: ['museum-operators escalated museum'] });
    const { id } = await incidentOf('door');
    await type('acknowledge', id, '--for', '30m', '--by', 'anna');
    await letPass(ground, 1400, [id]);
    await minute.desk();
    expect(await heard()).toEqual({ email: [], https: [] });
    expect((await incidentOf('door')).state).toBe('acknowledged');
    await letPass(ground, 500, [id]);
    await minute.desk();
    expect(await heard()).toEqual({ email: [], https: ['museum-operators escalated museum'] });
    await say(passed('door', 'museum'));
    await settle('door');
    expect(await heard()).toEqual({ email: everybody.map((name) => `${name} recovered museum`), https: ['museum-operators recovered museum'] });
  });
});

describe('a library that is silenced', () => {
  const both = ['library-operators', 'team-library'];
  const told = (step: string) => both.map((name) => `${name} ${step} library`);
  let silenceId = '';

  it('hears the end of what it was told before, and nothing new', async () => {
    await say(failed('lamp', 'library'));
    expect(await heard()).toEqual({ email: told('needs-person'), https: ['library-operators needs-person library'] });
    const silence = await type('silence', 'add', '--system', 'library', '--for', '1h', '--reason', 'the painters are here');
    silenceId = z.object({ id: z.string() }).parse(JSON.parse(silence)).id;
    await say(failed('shelf', 'library'));
    const news = await readers.news();
    expect(whoGotWhat(news, 'email')).toEqual([]);
    expect(dataOf(news[0])).toMatchObject({ suppressedBy: { kind: 'silence', id: silenceId } });
    await say(passed('lamp', 'library'));
    await settle('lamp');
    expect(await heard()).toEqual({ email: told('recovered'), https: ['library-operators recovered library'] });
  });

  it('hears at the end of the silence what is still bad, and then its end', async () => {
    await minute.desk();
    expect(await heard()).toEqual({ email: [], https: [] });
    await letSilencePass(ground, 3600, silenceId);
    await minute.desk();
    expect(await heard()).toEqual({ email: told('needs-person'), https: [] });
    await say(passed('shelf', 'library'));
    await settle('shelf');
    expect(await heard()).toEqual({ email: told('recovered'), https: ['library-operators recovered library'] });
  });
});

const subscriptionItem = z.object({ id: z.string(), state: z.string() });

/** As `perennial subscriptions list` has it. */
async function subscriptionState(id: string): Promise<string | undefined> {
  const { text } = await typed(['subscriptions', 'list']);
  const items = z.array(subscriptionItem).parse(JSON.parse(text));
  return items.find((item) => item.id === id)?.state;
}

describe('the subscriptions of the catalog', () => {
  it('tell of one that any reader of its mail can end, that somebody has ended, and that only the account can end (S4-14)', async () => {
    const id = 'high/email/library-operators';
    // As it is after a click on the link of the mail that asks for it.
    expect(await subscriptionState(id)).toBe('unprotected');
    const subscribeAgain = await readers.unsubscribeMail('library-operators');
    expect(await subscriptionState(id)).toBe('vanished');
    // The local SNS takes a call of the account for a confirmation by it.
    await subscribeAgain();
    expect(await subscriptionState(id)).toBe('confirmed');
  });
});

describe('the heartbeat', () => {
  it('goes the way of every page into its own mailbox, and reaches nobody else', async () => {
    const { Stacks } = await ground.clients.cloudFormation.send(new DescribeStacksCommand({ StackName: STACK_NAME }));
    const QueueUrl = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'HeartbeatMailboxUrl')?.OutputValue;
    const beat = event('Heartbeat', {});
    const { time } = z.object({ time: z.string() }).parse(JSON.parse(beat));
    await say(beat);
    const found = await until('The heartbeat', 60, async () => {
      const { Messages = [] } = await ground.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1 }));
      return Messages.find(({ Body = '' }) => Body.includes(time));
    });
    expect(found.Body).toContain('Perennial is alive');
    // This mailbox gets all mail of every topic, whatever the roles.
    expect((await readDeliveries(ground)).filter(({ subject }) => subject.includes('alive'))).toEqual([]);
    expect(await heard()).toEqual({ email: [], https: [] });
  });
});
