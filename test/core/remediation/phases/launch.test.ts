import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { launch, launchRequest } from '../../../../core/remediation/phases/launch.ts';
import { UserDataLostError } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { answered, answersOf, NEW, openStage, type PhaseStage, START, storeCapture, unanswered } from './phase-stage.ts';

const timing = { detectedAt: START, decidedAt: START };
const chosen: Partial<Remediation> = { imageId: 'ami-v2', differences: ['its private address'] };
const tags = {
  Name: 'shop-web',
  'perennial:system': 'shop-web',
  'perennial:role': 'web',
  'perennial:slot': 'shop-web/i-old',
  'perennial:remediation': 'rem-1',
};

async function ready(changes: Partial<Remediation> = {}, instanceTypes: readonly string[] = []): Promise<PhaseStage> {
  const stage = await openStage({ ...chosen, ...changes }, { spec: { instanceTypes } });
  await storeCapture(stage);
  return stage;
}

const refusing = ({ world }: PhaseStage, error: Error) => ({ launcher: { ...world.region.launcher, launch: async () => Promise.reject(error) } });

describe('the launch of the replacement', () => {
  it('asks once for what the old instance was, on the chosen image, with our tags afresh', async () => {
    const stage = await ready({ attempt: 2 });
    const capture = await storeCapture(stage);
    stage.world.clock.advance(30);
    const done = {
      kind: 'done',
      reason: `Launched ${NEW} (t3.micro) from ami-v2`,
      patch: { newInstanceId: NEW, timing: { ...timing, launchedAt: '2026-11-21T09:00:30.000Z' } },
    };
    expect(await stage.look(launch)).toEqual(done);
    expect(await stage.look(launch)).toEqual(done);
    expect(stage.calls).toEqual([['launcher.launch', { remediationId: 'rem-1', attempt: 2, capture, imageId: 'ami-v2', tags }]]);
    expect(answersOf(await stage.record())).toEqual({ launch: { instanceId: NEW } });
  });

  it('keeps the moment of the first launch', async () => {
    const stage = await ready({ timing: { ...timing, launchedAt: START } });
    stage.world.clock.advance(30);
    expect(await stage.look(launch)).toMatchObject({ patch: { timing: { ...timing, launchedAt: START } } });
  });

  it('hands the user data over from the old instance where there was some', async () => {
    const stage = await ready();
    const capture = await storeCapture(stage, { userData: { sha256: 'abc', sizeBytes: 12 } });
    await stage.look(launch);
    expect(stage.calls).toEqual([['launcher.launch', { remediationId: 'rem-1', attempt: 1, capture, imageId: 'ami-v2', tags, userDataFrom: 'i-old' }]]);
  });

  it('lets no tag of the old instance stand for ours, and marks what a drill launches', async () => {
    const stage = await ready({ isDrill: true });
    const capture = await storeCapture(stage, { tags: { 'perennial:slot': 'other/1', 'perennial:drill': 'old', team: 'shop' } });
    const request = launchRequest(await stage.record(), stage.world.system, capture, 'ami-v2');
    const { Name: _name, ...ours } = tags;
    expect(request.tags).toEqual({ ...ours, team: 'shop', 'perennial:drill': 'rem-1' });
  });

  it('fails without an image, and without an instance id', async () => {
    const imageless = await ready({ imageId: undefined });
    expect(await imageless.look(launch)).toEqual({ kind: 'failed', reason: 'No image was chosen' });
    const unnamed = await ready({ calls: answered({ launch: {} }) });
    expect(await unnamed.look(launch)).toEqual({ kind: 'failed', reason: 'The launch gave no instance id' });
    expect([...imageless.calls, ...unnamed.calls]).toEqual([]);
  });
});

describe('a type of which EC2 has none left', () => {
  it('is followed by the next one of the policy, each asked once; what differs is said (S0-17)', async () => {
    const stage = await ready({}, ['t3.micro', 't3a.micro', 'm6i.large']);
    for (const name of ['t3.micro', 't3a.micro']) stage.world.region.exhaustedTypes.add(name);
    const done = {
      kind: 'done',
      reason: `Launched ${NEW} (m6i.large) from ami-v2`,
      patch: {
        newInstanceId: NEW,
        timing: { ...timing, launchedAt: START },
        differences: ['its private address', 'the instance type t3.micro (EC2 had no capacity for it; the replacement is m6i.large)'],
      },
    };
    expect(await stage.look(launch)).toEqual(done);
    // Also when it has capacity again: a second instance would be launched.
    stage.world.region.exhaustedTypes.clear();
    expect(await stage.look(launch)).toEqual(done);
    const capture = await storeCapture(stage);
    const request = { remediationId: 'rem-1', attempt: 1, capture, imageId: 'ami-v2', tags };
    expect(stage.calls).toEqual([
      ['launcher.launch', request],
      ['launcher.launch', { ...request, instanceType: 't3a.micro' }],
      ['launcher.launch', { ...request, instanceType: 'm6i.large' }],
    ]);
    expect(answersOf(await stage.record())).toEqual({
      launch: { insufficient: 'There is no capacity for t3.micro.' },
      'launch:t3a.micro': { insufficient: 'There is no capacity for t3a.micro.' },
      'launch:m6i.large': { instanceId: NEW },
    });
  });

  it('ends the repair where it was the last, with what EC2 said of each', async () => {
    const stage = await ready({}, ['t3a.micro']);
    for (const name of ['t3.micro', 't3a.micro']) stage.world.region.exhaustedTypes.add(name);
    expect(await stage.look(launch)).toEqual({
      kind: 'failed',
      reason: 'EC2 has no capacity in eu-central-1a: t3.micro: There is no capacity for t3.micro.; t3a.micro: There is no capacity for t3a.micro.',
    });
  });

  it.for<[unfitTypes: string[], launchedAs: string, why: string | undefined]>([
    [['t3.micro'], 't3a.micro', 'its image does not fit it'],
    [['t3.micro', 't3a.micro'], 'm6i.large', 'its image does not fit it'],
    [['t3a.micro'], 't3.micro', undefined],
  ])('is not asked for where the image does not fit it: %o', async ([unfitTypes, launchedAs, why]) => {
    const stage = await ready({ unfitTypes }, ['t3a.micro', 'm6i.large']);
    const result = await stage.look(launch);
    expect(result.reason).toBe(`Launched ${NEW} (${launchedAs}) from ami-v2`);
    expect(result.patch?.differences).toEqual(
      why === undefined ? undefined : ['its private address', `the instance type t3.micro (${why}; the replacement is ${launchedAs})`],
    );
    expect(stage.calls).toHaveLength(1);
  });

  it('is not mixed up with one that does not fit', async () => {
    const stage = await ready({ unfitTypes: ['t3a.micro'] }, ['t3a.micro', 'm6i.large']);
    stage.world.region.exhaustedTypes.add('t3.micro');
    expect((await stage.look(launch)).patch?.differences).toEqual([
      'its private address',
      'the instance type t3.micro (EC2 had no capacity for it; the replacement is m6i.large)',
    ]);
  });
});

describe('a launch that is refused', () => {
  it('for good at the first request has launched nothing, and no other type is tried', async () => {
    for (const error of [new PermanentError('You may not pass the role.'), new UserDataLostError('You may not pass the role.')]) {
      const stage = await ready({}, ['t3a.micro']);
      expect(await stage.look(launch, refusing(stage, error))).toEqual({ kind: 'failed', reason: 'You may not pass the role.' });
      expect(answersOf(await stage.record())).toEqual({ launch: { refused: 'You may not pass the role.' } });
    }
  });

  it('for good after an unheard request leaves open what that one has launched', async () => {
    const stage = await ready({ calls: unanswered('launch') });
    await expect(stage.look(launch, refusing(stage, new PermanentError('You may not pass the role.')))).rejects.toThrow('You may not pass the role.');
    expect((await stage.record()).calls).toEqual({ launch: { attempt: 2, intentAt: START } });
  });

  it('for now is tried again', async () => {
    const stage = await ready();
    await expect(stage.look(launch, refusing(stage, new RetryableError('RequestLimitExceeded')))).rejects.toThrow('RequestLimitExceeded');
    expect((await stage.record()).calls).toEqual({ launch: { attempt: 1, intentAt: START } });
  });
});
