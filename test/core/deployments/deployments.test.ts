import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DeployEvent,
  deploymentEvent,
  foldDeployments,
  lastDeployment,
  listDeployments,
  recordDeployment,
} from '../../../core/deployments/deployments.ts';
import { findingsOf } from '../../../core/deployments/findings.ts';
import { deployEventDetailSchema, type DeploymentKind } from '../../../core/deployments/record.ts';
import { addSeconds } from '../../../core/environment/time.ts';
import { readTimeline, recordFiring } from '../../../core/incidents/incidents.ts';
import { composeMessage } from '../../../core/incidents/messages/messages.ts';
import { CrashError, createWorld, firingOf, opening, scope, shopWeb } from '../incidents/world.ts';

const detail = {
  system: 'shop-web',
  version: '5.2.1',
  commit: 'a1b2c3d4e5f6',
  previousVersion: '5.2.0',
  deployer: 'ci',
  databaseChange: false,
  rollbackTested: true,
  at: addSeconds(opening, -720),
};

function eventOf(kind: DeploymentKind, seconds: number, change: Partial<typeof detail> = {}): DeployEvent {
  return { kind, source: 'perennial', detail: { ...detail, at: addSeconds(opening, seconds), ...change } };
}

describe('recordDeployment', () => {
  it('records a deploy with one event, and again without effect (S0-29, S4-03)', async () => {
    const world = createWorld();
    const first = await recordDeployment(world.ports, eventOf('started', -720));
    expect(first.deployment).toMatchObject({ system: 'shop-web', version: '5.2.1', state: 'started', startedAt: addSeconds(opening, -720) });
    expect(first.findings).toEqual([]);
    const before = world.memory.snapshot();
    expect(await recordDeployment(world.ports, eventOf('started', -720))).toEqual(first);
    expect(world.memory.snapshot()).toEqual(before);
  });

  it('gives the same deployments for any order of arrival', async () => {
    const events = [
      eventOf('started', -720),
      eventOf('finished', -600),
      eventOf('rolled-back', -500),
      eventOf('started', -400, { version: '5.2.2' }),
      eventOf('failed', -400, { version: '5.2.2' }),
      eventOf('started', -300),
    ];
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(events, { minLength: 6 }), async (arriving) => {
        const world = createWorld();
        for (const event of arriving) await recordDeployment(world.ports, event);
        const known = await listDeployments(world.memory, scope, 'shop-web');
        expect(known.map(({ version, state }) => `${version} ${state}`)).toEqual(['5.2.1 started', '5.2.2 failed', '5.2.1 rolled-back']);
      }),
      { numRuns: 30 },
    );
  });

  it('knows the last deployment of each system apart', async () => {
    const world = createWorld();
    await recordDeployment(world.ports, eventOf('started', -10));
    await recordDeployment(world.ports, eventOf('started', -5, { system: 'shop-web-2', version: '9' }));
    expect((await lastDeployment(world.memory, scope, 'shop-web'))?.version).toBe('5.2.1');
    expect(await lastDeployment(world.memory, scope, 'shop')).toBeUndefined();
  });

  it('lets an end without a beginning stand alone', async () => {
    const world = createWorld();
    await recordDeployment(world.ports, eventOf('started', -20, { version: '5.2.2' }));
    const { deployment } = await recordDeployment(world.ports, eventOf('finished', -10));
    expect(deployment).toMatchObject({ version: '5.2.1', state: 'finished', startedAt: addSeconds(opening, -10) });
    expect(await listDeployments(world.memory, scope, 'shop-web')).toHaveLength(2);
    expect(foldDeployments([])).toEqual([]);
  });

  it('is on the timeline of the open incident of its system, and the message says when (S3-26)', async () => {
    const world = createWorld();
    await recordDeployment(world.ports, eventOf('started', -720));
    await recordDeployment(world.ports, eventOf('finished', -700));
    const deployment = await lastDeployment(world.memory, scope, 'shop-web');
    const { incident } = await recordFiring(world.ports, firingOf(deployment === undefined ? {} : { lastDeployment: deployment }));
    expect(incident.lastDeploymentId).toBe(deployment?.id);
    await recordDeployment(world.ports, eventOf('rolled-back', 60));
    await recordDeployment(world.ports, eventOf('started', 60, { system: 'shop-db' }));
    const told = (await readTimeline(world.memory, scope, incident.id)).filter(({ kind }) => kind === 'deployment').map(({ text }) => text);
    expect(told).toEqual([
      'Deploy of shop-web version 5.2.1 (commit a1b2c3d4e5f6) finished; the version before it is 5.2.0.',
      'Deploy of shop-web version 5.2.1 (commit a1b2c3d4e5f6) was rolled back; the version before it is 5.2.0.',
    ]);
    const message = composeMessage('detected', { incident, now: opening, lastDeployment: deployment, system: shopWeb });
    expect(message.text).toContain('Last deploy: version 5.2.1 (commit a1b2c3d4e5f6) finished 11 min 40 s before this incident');
  });

  it('keeps an event that says too little, with findings (S0-26, S4-04)', async () => {
    const world = createWorld();
    const { findings, deployment } = await recordDeployment(world.ports, eventOf('started', 0, { version: '', commit: '', previousVersion: '' }));
    expect(findings.map(({ rule }) => rule)).toEqual(['version-missing', 'commit-missing', 'previous-version-missing']);
    expect(deployment.findings).toEqual(findings);
  });
});

describe('a crash', () => {
  it('before or after any write is repaired by the next delivery', async () => {
    const whole = createWorld();
    await recordFiring(whole.ports, firingOf());
    whole.crashes.dieAt(0, 'before');
    await recordDeployment(whole.ports, eventOf('started', 60));
    expect(whole.crashes.calls).toBe(2);
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; call <= 2; call += 1) {
        const world = createWorld();
        await recordFiring(world.ports, firingOf());
        world.crashes.dieAt(call, moment);
        await expect(recordDeployment(world.ports, eventOf('started', 60))).rejects.toThrow(CrashError);
        world.crashes.dieAt(0, 'before');
        await recordDeployment(world.ports, eventOf('started', 60));
        expect(world.memory.snapshot()).toEqual(whole.memory.snapshot());
      }
    }
  });
});

describe('findingsOf', () => {
  it.each(['final', '2020finalsource.zip', 'final-2.zip', 'latest', '1.0-SNAPSHOT'])('flags a version named %s (S0-26)', (version) => {
    expect(findingsOf({ ...detail, version }).map(({ rule }) => rule)).toEqual(['version-not-fixed']);
  });

  it.each(['main', 'HEAD', 'a1b2c'])('flags %s as no commit (S0-26)', (commit) => {
    expect(findingsOf({ ...detail, commit }).map(({ rule }) => rule)).toEqual(['commit-missing']);
  });

  it('flags a database change whose rollback was not tested (S4-06)', () => {
    expect(findingsOf({ ...detail, databaseChange: true, rollbackTested: false }).map(({ rule }) => rule)).toEqual(['rollback-not-tested']);
    expect(findingsOf({ ...detail, databaseChange: true, rollbackTested: true })).toEqual([]);
  });
});

describe('deploymentEvent', () => {
  it('builds what our own bus takes', () => {
    expect(deploymentEvent('started', { ...detail, at: '2026-11-21T10:00:00+01:00' })).toEqual({
      kind: 'event',
      type: 'Deployment Started',
      detail: { ...detail, at: '2026-11-21T09:00:00.000Z' },
      findings: [],
    });
  });

  it('refuses what nobody could use, and says what to type', () => {
    expect(deploymentEvent('finished', { system: 'Shop Web', at: 'yesterday' })).toMatchInlineSnapshot(`
      {
        "kind": "refused",
        "problems": [
          "system: must be a name: lower-case letters, digits and "-", up to 63 characters, beginning and ending with a letter or digit.",
          "--at: must be a moment such as 2026-11-21T09:00:00Z.",
          "--version: name the version, for example --version 5.2.1.",
        ],
        "reason": "The deploy cannot be announced. system: must be a name: lower-case letters, digits and "-", up to 63 characters, beginning and ending with a letter or digit. --at: must be a moment such as 2026-11-21T09:00:00Z. --version: name the version, for example --version 5.2.1.",
      }
    `);
  });

  it('lets a poorly described deploy through with findings', () => {
    const decision = deploymentEvent('finished', { system: 'shop-web', version: '5.2.1', at: opening });
    expect(decision).toMatchObject({ kind: 'event', detail: { previousVersion: '', databaseChange: false } });
    expect(decision.kind === 'event' && decision.findings.map(({ rule }) => rule)).toEqual(['commit-missing', 'previous-version-missing']);
  });
});

describe('deployEventDetailSchema', () => {
  it('reads times in any RFC 3339 form and refuses others', () => {
    expect(deployEventDetailSchema.parse({ ...detail, at: '2026-11-21T09:00:00Z' }).at).toBe('2026-11-21T09:00:00.000Z');
    expect(deployEventDetailSchema.safeParse({ ...detail, at: 'soon' }).success).toBe(false);
  });
});
