import { describe, expect, it } from 'vitest';
import { PermanentError, RetryableError } from '../../../../core/environment/errors.ts';
import { launch, launchRequest } from '../../../../core/remediation/phases/launch.ts';
import { UserDataLostError } from '../../../../core/remediation/ports.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { NOW } from '../builders.ts';
import { answered, failed, NEW, openStage, refusing, type Stage, storeCapture, unanswered } from './stage.ts';

const timing = { detectedAt: NOW, decidedAt: NOW };
const chosen: Partial<Remediation> = { imageId: 'ami-v2', differences: ['its private address'] };
const tags = {
  Name: 'shop-web',
  'perennial:system': 'shop-web',
  'perennial:role': 'web',
  'perennial:slot': 'shop-web/i-old',
  'perennial:remediation': 'rem-1',
};

async function ready(changes: Partial<Remediation> = {}, instanceTypes: readonly string[] = []): Promise<Stage> {
  const stage = await openStage({ record: { ...chosen, ...changes }, spec: { instanceTypes } });
  await storeCapture(stage.world);
  return stage;
}

const refusal = (error: Error) => ({ launcher: { launch: refusing(error) } });

describe('the launch of the replacement', () => {
  it('asks once for what the old instance was, on the chosen image, with our tags afresh', async () => {
    const stage = await ready({ attempt: 2 });
    const capture = await storeCapture(stage.world);
    stage.world.clock.advance(30);
    const launched = {
      kind: 'done',
      reason: `Launched ${NEW} (t3.micro) from ami-v2`,
      patch: { newInstanceId: NEW, timing: { ...timing, launchedAt: '2026-11-21T09:00:30.000Z' } },
    };
    expect(await stage.run(launch)).toEqual(launched);
    expect(await stage.run(launch)).toEqual(launched);
    expect(stage.made).toEqual([['launcher.launch', { remediationId: 'rem-1', attempt: 2, capture, imageId: 'ami-v2', tags }]]);
    expect(await stage.results()).toEqual({ launch: { instanceId: NEW } });
  });

  it('keeps the moment of the first launch', async () => {
    const stage = await ready({ timing: { ...timing, launchedAt: NOW } });
    stage.world.clock.advance(30);
    expect(await stage.run(launch)).toMatchObject({ patch: { timing: { ...timing, launchedAt: NOW } } });
  });

  it('hands the user data over from the old instance where there was some', async () => {
    const stage = await ready();
    const capture = await storeCapture(stage.world, { userData: { sha256: 'abc', sizeBytes: 12 } });
    await stage.run(launch);
    expect(stage.made).toEqual([['launcher.launch', { remediationId: 'rem-1', attempt: 1, capture, imageId: 'ami-v2', tags, userDataFrom: 'i-old' }]]);
  });

  it('lets no tag of the old instance stand for ours, and marks what a drill launches', async () => {
    const stage = await ready({ isDrill: true });
    const capture = await storeCapture(stage.world, { tags: { 'perennial:slot': 'other/1', 'perennial:drill': 'old', team: 'shop' } });
    const request = launchRequest(await stage.record(), stage.world.system, capture, 'ami-v2');
    const { Name: _name, ...ours } = tags;
    expect(request.tags).toEqual({ ...ours, team: 'shop', 'perennial:drill': 'rem-1' });
  });

  it('fails without an image, and without an instance id', async () => {
    const imageless = await ready({ imageId: undefined });
    expect(await imageless.run(launch)).toEqual(failed('No image was chosen'));
    const unnamed = await ready({ calls: answered({ launch: {} }) });
    expect(await unnamed.run(launch)).toEqual(failed('The launch gave no instance id'));
    expect([...imageless.made, ...unnamed.made]).toEqual([]);
  });
});

describe('a type of which EC2 has none left', () => {
  it('is followed by the next one of the policy, each asked once; what differs is said (S0-17)', async () => {
    const stage = await ready({}, ['t3.micro', 't3a.micro', 'm6i.large']);
    for (const name of ['t3.micro', 't3a.micro']) stage.world.region.exhaustedTypes.add(name);
    const launched = {
      kind: 'done',
      reason: `Launched ${NEW} (m6i.large) from ami-v2`,
      patch: {
        newInstanceId: NEW,
        timing: { ...timing, launchedAt: NOW },
        differences: ['its private address', 'the instance type t3.micro (EC2 had no capacity for it; the replacement is m6i.large)'],
      },
    };
    expect(await stage.run(launch)).toEqual(launched);
    // Also when it has capacity again: a second instance would be launched.
    stage.world.region.exhaustedTypes.clear();
    expect(await stage.run(launch)).toEqual(launched);
    const capture = await storeCapture(stage.world);
    const request = { remediationId: 'rem-1', attempt: 1, capture, imageId: 'ami-v2', tags };
    expect(stage.made).toEqual([
      ['launcher.launch', request],
      ['launcher.launch', { ...request, instanceType: 't3a.micro' }],
      ['launcher.launch', { ...request, instanceType: 'm6i.large' }],
    ]);
    expect(await stage.results()).toEqual({
      launch: { insufficient: 'There is no capacity for t3.micro.' },
      'launch:t3a.micro': { insufficient: 'There is no capacity for t3a.micro.' },
      'launch:m6i.large': { instanceId: NEW },
    });
  });

  it('ends the repair where it was the last, with what EC2 said of each', async () => {
    const stage = await ready({}, ['t3a.micro']);
    for (const name of ['t3.micro', 't3a.micro']) stage.world.region.exhaustedTypes.add(name);
    expect(await stage.run(launch)).toEqual(
      failed('EC2 has no capacity in eu-central-1a: t3.micro: There is no capacity for t3.micro.; t3a.micro: There is no capacity for t3a.micro.'),
    );
  });

  it.for<[unfitTypes: string[], launchedAs: string, why: string | undefined]>([
    [['t3.micro'], 't3a.micro', 'its image does not fit it'],
    [['t3.micro', 't3a.micro'], 'm6i.large', 'its image does not fit it'],
    [['t3a.micro'], 't3.micro', undefined],
  ])('is not asked for where the image does not fit it: %o', async ([unfitTypes, launchedAs, why]) => {
    const stage = await ready({ unfitTypes }, ['t3a.micro', 'm6i.large']);
    const result = await stage.run(launch);
    expect(result.reason).toBe(`Launched ${NEW} (${launchedAs}) from ami-v2`);
    expect(result.patch?.differences).toEqual(
      why === undefined ? undefined : ['its private address', `the instance type t3.micro (${why}; the replacement is ${launchedAs})`],
    );
    expect(stage.made).toHaveLength(1);
  });

  it('is not mixed up with one that does not fit', async () => {
    const stage = await ready({ unfitTypes: ['t3a.micro'] }, ['t3a.micro', 'm6i.large']);
    stage.world.region.exhaustedTypes.add('t3.micro');
    expect((await stage.run(launch)).patch?.differences).toEqual([
      'its private address',
      'the instance type t3.micro (EC2 had no capacity for it; the replacement is m6i.large)',
    ]);
  });
});

describe('a launch that is refused', () => {
  it('for good at the first request has launched nothing, and no other type is tried', async () => {
    for (const error of [new PermanentError('You may not pass the role.'), new UserDataLostError('You may not pass the role.')]) {
      const stage = await ready({}, ['t3a.micro']);
      expect(await stage.run(launch, refusal(error))).toEqual(failed('You may not pass the role.'));
      expect(await stage.results()).toEqual({ launch: { refused: 'You may not pass the role.' } });
    }
  });

  it('for good after an unheard request leaves open what that one has launched', async () => {
    const stage = await ready({ calls: unanswered('launch') });
    await expect(stage.run(launch, refusal(new PermanentError('You may not pass the role.')))).rejects.toThrow('You may not pass the role.');
    expect((await stage.record()).calls).toEqual({ launch: { attempt: 2, intentAt: NOW } });
  });

  it('for now is tried again', async () => {
    const stage = await ready();
    await expect(stage.run(launch, refusal(new RetryableError('RequestLimitExceeded')))).rejects.toThrow('RequestLimitExceeded');
    expect((await stage.record()).calls).toEqual({ launch: { attempt: 1, intentAt: NOW } });
  });
});
