import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../../../core/deployments/record.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { changeText, linkedSystems, recentChanges, type ChangeSources } from '../../../../core/incidents/messages/recent-changes.ts';
import { incidentOf, opening, remediationOf, scope, shopWeb } from '../world.ts';

const before = (seconds: number) => addSeconds(opening, -seconds);

function deployOf(secondsBefore: number, change: Partial<Deployment> = {}): Deployment {
  return {
    id: 'd',
    ...scope,
    system: 'shop-web',
    version: '5.2.1',
    commit: '',
    previousVersion: '5.2.0',
    deployer: 'kim@example.com',
    databaseChange: false,
    rollbackTested: true,
    state: 'finished',
    startedAt: before(secondsBefore + 60),
    changedAt: before(secondsBefore),
    findings: [],
    eventIds: [],
    ...change,
  };
}

const none: ChangeSources = { deployments: [], remediations: [], systems: [] };
const textsOf = (sources: Partial<ChangeSources>, linked: readonly string[] = ['shop-db']) =>
  recentChanges(incidentOf(), linked, { ...none, ...sources }).map(changeText);

const seen = (secondsBefore: number, instances: string, images: string) => ({
  at: before(secondsBefore),
  by: 'sweep',
  what: `Instances: ${instances}; images: ${images}`,
  why: 'Seen by the sweep',
  changeClass: 2,
});

describe('recentChanges', () => {
  it('names deploys of the system and of what it needs, newest first (S3-26)', () => {
    expect(
      textsOf({
        deployments: [
          deployOf(7200, { system: 'shop-db', version: '12', state: 'rolled-back' }),
          deployOf(720, { databaseChange: true, findings: [{ rule: 'r', text: 't' }] }),
          deployOf(10, { system: 'unrelated' }),
        ],
      }),
    ).toEqual([
      '12 min before: deploy of version 5.2.1 finished, with a database change, 1 finding',
      '2 h before: shop-db (needed by this system): deploy of version 12 was rolled back',
    ]);
  });

  it('counts a deploy that was under way by its start, and names no deployer (S3-23)', () => {
    const [text] = textsOf({ deployments: [deployOf(-30, { startedAt: before(45) })] });
    expect(text).toBe('45 s before: deploy of version 5.2.1 started');
    expect(text).not.toContain('kim');
  });

  it.each([
    ['at its beginning', 86_400, 1],
    ['before it', 86_401, 0],
    ['at its end', 0, 1],
    ['after it', -1, 0],
  ])('looks at 24 h: %s', (_where, seconds, count) => {
    expect(textsOf({ deployments: [deployOf(seconds, { startedAt: before(seconds) })] })).toHaveLength(count);
  });

  it('tells a replacement once, and not again as a change of membership', () => {
    const timing = { detectedAt: before(3700), decidedAt: before(3700), inServiceAt: before(3600) };
    const replaced = remediationOf({ id: 'r', incidentId: 'inc-other', state: 'succeeded', oldInstanceId: 'i-1', newInstanceId: 'i-2', timing });
    const systems = [{ name: 'shop-web', changes: [seen(90_000, 'i-1, i-9', 'ami-0v1'), seen(3000, 'i-2, i-9', 'ami-0v2')] }];
    expect(textsOf({ remediations: [replaced], systems })).toEqual(['1 h before: i-2 replaced i-1 on ami-0v2']);
    expect(
      textsOf({
        remediations: [
          { ...replaced, incidentId: incidentOf().id },
          { ...replaced, isDrill: true },
          { ...replaced, state: 'failed' },
        ],
      }),
    ).toEqual([]);
  });

  it('tells what others added or took away, and a new catalog', () => {
    const changes = [seen(5000, 'i-1, i-2', 'ami-1'), seen(4000, 'i-1, i-3', 'ami-1, ami-2'), seen(3000, 'i-1, i-3', 'ami-1, ami-2')];
    expect(textsOf({ systems: [{ name: 'shop-web', changes }] })).toEqual([
      '50 min before: a new version of the catalog came into force',
      '1 h 6 min before: instances: new i-3; gone i-2; images: new ami-2',
      '1 h 23 min before: Instances: i-1, i-2; images: ami-1',
    ]);
  });

  it('tells at most five, masked', () => {
    const changes = Array.from({ length: 9 }, (_, index) => ({
      at: before(100 - index),
      by: 'x',
      what: `by ops@example.com ${index}`,
      why: '',
      changeClass: 1,
    }));
    const texts = textsOf({ systems: [{ name: 'shop-web', changes }] });
    expect(texts).toHaveLength(5);
    expect(texts[0]).toBe('1 min 32 s before: by [e-mail] 8');
  });

  it('knows nothing of what belongs to no system; looks at four linked systems', () => {
    const { system: _system, ...unowned } = incidentOf();
    expect(recentChanges(unowned, [], { ...none, deployments: [deployOf(1)] })).toEqual([]);
    const links = ['a', 'b', 'a', 'c', 'd', 'e', 'shop-web'].map((to) => ({ to, kind: 'database' as const }));
    expect(linkedSystems({ ...shopWeb, spec: { ...shopWeb.spec, links } })).toEqual(['a', 'b', 'c', 'd']);
    expect(linkedSystems(undefined)).toEqual([]);
  });
});
