import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../../../core/deployments/record.ts';
import { addSeconds } from '../../../../core/environment/time.ts';
import { durationText, smsText } from '../../../../core/incidents/messages/message-text.ts';
import type { ComposedMessage } from '../../../../core/incidents/messages/message-facts.ts';
import { composeDeadLetterMessage, composeDeployMessage, composeMessage, type MessageStep } from '../../../../core/incidents/messages/messages.ts';
import type { Remediation } from '../../../../core/remediation/record.ts';
import { incidentOf, opening, remediationOf, scope, shopWeb } from '../world.ts';

const now = addSeconds(opening, 30);
const eta = { p50Seconds: 112, p95Seconds: 180, runs: 12 };

const lastDeployment: Deployment = {
  id: 'shop-web/20261121084800000-0a1b2c3d',
  ...scope,
  system: 'shop-web',
  version: '5.2.1',
  commit: 'a1b2c3d4e5f6a7b8',
  previousVersion: '5.2.0',
  deployer: 'kim@example.com',
  databaseChange: false,
  rollbackTested: true,
  state: 'finished',
  startedAt: '2026-11-21T08:47:00.000Z',
  changedAt: '2026-11-21T08:48:00.000Z',
  findings: [],
  eventIds: [],
};

const phase = (name: Remediation['phase'], outcome: 'done' | 'failed' = 'done', reason = 'ok') => ({
  name,
  startedAt: opening,
  endedAt: opening,
  outcome,
  reason,
});

const failed = remediationOf({
  state: 'failed',
  reason: 'InsufficientInstanceCapacity in eu-central-1a; the old instance stays.',
  phases: [phase('confirm'), phase('guard'), phase('launch', 'failed', 'InsufficientInstanceCapacity in eu-central-1a')],
  failure: { phase: 'launch', reason: 'InsufficientInstanceCapacity' },
});

const recovered = remediationOf({
  state: 'succeeded',
  newInstanceId: 'i-0bbb',
  recoverySeconds: 112,
  isRtoMet: true,
  differences: ['private address 10.0.1.10 → 10.0.1.23', 'image ami-0v1 → ami-0v2'],
});

function print({ subject, sms, text }: ComposedMessage): string {
  return `\n${subject}\nSMS ${sms}\n\n${text}\n`;
}

describe('composeMessage', () => {
  it('detected: what, where, impact, owner, last deploy, the inventory (S0-05, S3-22, S3-26)', () => {
    expect(
      print(
        composeMessage('detected', {
          incident: incidentOf(),
          now,
          eta,
          system: shopWeb,
          lastDeployment,
          remediation: remediationOf(),
          dependants: ['shop-api'],
        }),
      ),
    ).toMatchInlineSnapshot(`
      "
      [high] shop-web: trouble detected (eu-central-1)
      SMS shop-web trouble detected. i-0aaa eu-central-1. Owner team-shop. inc-20261121T090000-0a1b2c3d. Impact: Customers cannot order.

      shop-web: trouble detected.

      What: Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.
      Where: account 111122223333, Region eu-central-1, system shop-web, instance i-0aaa
      Impact: Customers cannot order
      Severity: high
      Owner: team-shop
      Since: 2026-11-21 09:00:00 UTC, 30 s ago
      Last deploy: version 5.2.1 (commit a1b2c3d4e5f6) finished 12 min before this incident
      Incident: inc-20261121T090000-0a1b2c3d

      Perennial has begun to repair it; nothing is asked of you now.
      ETA: 09:01:52 UTC (half of 12 past runs took 1 min 52 s or less, 95 % took 3 min or less).
      If nothing serves in its place by 09:05:05 UTC, a person is paged.

      To look closer or step in (with credentials of account 111122223333):
        npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1

      From the inventory:
        Purpose: Storefront pages
        Environment: prod, multiple instances
        Network: host shop-web; subnets private-a, private-c
        OS: Amazon Linux 2023
        Programs: web: nginx 1.28
        Software: storefront 5.2.1 (config a1b2c3d)
        Linked systems: shop-db (database)
        Needed by: shop-api
        Golden image: role web, approved id in the parameter /perennial/images/web/approved; chosen for the repair: ami-0v2
        Monitoring: unknown (not in the catalog)
        Documentation: unknown (not in the catalog)
      "
    `);
  });

  it('detected without a repair says why', () => {
    const { text } = composeMessage('detected', { incident: incidentOf(), now, system: shopWeb, reason: 'the policy does not list it' });
    expect(text).toContain('Perennial has not begun a repair: the policy does not list it.');
    expect(composeMessage('detected', { incident: incidentOf(), now }).text).toContain(
      'Perennial has not begun a repair: the timeline of the incident says why.',
    );
  });

  it('replacing: with an ETA from past runs (S0-22)', () => {
    expect(
      print(
        composeMessage('replacing', { incident: incidentOf({ state: 'repairing' }), now, eta, system: shopWeb, lastDeployment, remediation: remediationOf() }),
      ),
    ).toMatchInlineSnapshot(`
      "
      [high] shop-web: replacing i-0aaa (eu-central-1)
      SMS shop-web replacing i-0aaa. eu-central-1. Owner team-shop. inc-20261121T090000-0a1b2c3d. Impact: Customers cannot order.

      shop-web: replacing i-0aaa.

      What: Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.
      Where: account 111122223333, Region eu-central-1, system shop-web, instance i-0aaa
      Impact: Customers cannot order
      Severity: high
      Owner: team-shop
      Since: 2026-11-21 09:00:00 UTC, 30 s ago
      Last deploy: version 5.2.1 (commit a1b2c3d4e5f6) finished 12 min before this incident
      Incident: inc-20261121T090000-0a1b2c3d

      Perennial is replacing i-0aaa from ami-0v2 (newest approved image verified in this group).
      ETA: 09:01:52 UTC (half of 12 past runs took 1 min 52 s or less, 95 % took 3 min or less).
      Attempt 1 on this place in 24 h. If nothing serves in its place by 09:05:05 UTC, a person is paged. Nothing is asked of you now.

      To look closer or step in (with credentials of account 111122223333):
        npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1
        npm run -s perennial -- remediations rem-20261121T090000-0123456789 --region eu-central-1
        npm run -s perennial -- pause shop-web --reason "by hand: inc-20261121T090000-0a1b2c3d" --region eu-central-1

      From the inventory:
        Purpose: Storefront pages
        Environment: prod, multiple instances
        Network: host shop-web; subnets private-a, private-c
        OS: Amazon Linux 2023
        Programs: web: nginx 1.28
        Software: storefront 5.2.1 (config a1b2c3d)
        Linked systems: shop-db (database)
        Golden image: role web, approved id in the parameter /perennial/images/web/approved; chosen for the repair: ami-0v2
        Monitoring: unknown (not in the catalog)
        Documentation: unknown (not in the catalog)
      "
    `);
  });

  it('replacing without past runs says so, and the objective', () => {
    const { text } = composeMessage('replacing', { incident: incidentOf(), now, eta: undefined, system: shopWeb, remediation: remediationOf() });
    expect(text).toContain('ETA: no past runs yet. The recovery time objective is 10 min, that is 09:10:00 UTC.');
  });

  it('recovered: the time against the RTO, what differs, the budget (S0-19, S0-17)', () => {
    const incident = incidentOf({
      state: 'resolved',
      resolvedAt: addSeconds(opening, 112),
      budgetShare: { objective: 'shop-web-availability', badSeconds: 60, share: 0.02315 },
    });
    expect(print(composeMessage('recovered', { incident, now, eta, system: shopWeb, lastDeployment, remediation: recovered }))).toMatchInlineSnapshot(`
      "
      [high] shop-web: recovered in 1 min 52 s (eu-central-1)
      SMS shop-web recovered in 1 min 52 s. i-0aaa eu-central-1. Owner team-shop. inc-20261121T090000-0a1b2c3d. Impact: Customers cannot order.

      shop-web: recovered in 1 min 52 s.

      What: Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.
      Where: account 111122223333, Region eu-central-1, system shop-web, instance i-0aaa
      Impact: Customers cannot order
      Severity: high
      Owner: team-shop
      Since: 2026-11-21 09:00:00 UTC; over at 09:01:52 UTC
      Last deploy: version 5.2.1 (commit a1b2c3d4e5f6) finished 12 min before this incident
      Incident: inc-20261121T090000-0a1b2c3d

      i-0aaa was replaced by i-0bbb on image ami-0v2. The old one is kept in quarantine as evidence.
      Recovery time: 1 min 52 s; objective (RTO) 10 min: met.
      What differs from the old instance: private address 10.0.1.10 → 10.0.1.23; image ami-0v1 → ami-0v2.
      Error budget: this incident used 1 min, 2.31 % of the budget of shop-web-availability.

      To look closer or step in (with credentials of account 111122223333):
        npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1

      From the inventory:
        Purpose: Storefront pages
        Environment: prod, multiple instances
        Network: host shop-web; subnets private-a, private-c
        OS: Amazon Linux 2023
        Programs: web: nginx 1.28
        Software: storefront 5.2.1 (config a1b2c3d)
        Linked systems: shop-db (database)
        Golden image: role web, approved id in the parameter /perennial/images/web/approved; chosen for the repair: ami-0v2
        Monitoring: unknown (not in the catalog)
        Documentation: unknown (not in the catalog)
      "
    `);
  });

  it('recovered by itself', () => {
    const incident = incidentOf({ state: 'resolved', resolvedAt: addSeconds(opening, 90), resolution: 'Alarm is OK again' });
    const { subject, text } = composeMessage('recovered', { incident, now });
    expect(subject).toBe('[high] shop-web: recovered in 1 min 30 s (eu-central-1)');
    expect(text).toContain('It recovered without a repair: Alarm is OK again.');
    expect(text).toContain('Error budget: what this incident used is not measured yet');
  });

  it('needs-person after a failed repair: what was tried and what to do next', () => {
    expect(print(composeMessage('needs-person', { incident: incidentOf(), now, eta, system: shopWeb, lastDeployment, remediation: failed })))
      .toMatchInlineSnapshot(`
        "
        [high] shop-web: person needed: the repair failed (eu-central-1)
        SMS shop-web person needed: the repair failed. i-0aaa eu-central-1. Owner team-shop. inc-20261121T090000-0a1b2c3d. Impact: Customers cannot order.

        shop-web: person needed: the repair failed.

        What: Alarm shop-web-unhealthy went off: 1 unhealthy host for 1 minute.
        Where: account 111122223333, Region eu-central-1, system shop-web, instance i-0aaa
        Impact: Customers cannot order
        Severity: high
        Owner: team-shop
        Since: 2026-11-21 09:00:00 UTC, 30 s ago
        Last deploy: version 5.2.1 (commit a1b2c3d4e5f6) finished 12 min before this incident
        Incident: inc-20261121T090000-0a1b2c3d

        The repair failed: InsufficientInstanceCapacity in eu-central-1a; the old instance stays.
        What was tried:
        - confirm: done.
        - guard: done.
        - launch: failed (InsufficientInstanceCapacity in eu-central-1a).
        Old instance: i-0aaa. New instance: none.

        Do next (with credentials of account 111122223333):
          npm run -s perennial -- acknowledge inc-20261121T090000-0a1b2c3d --region eu-central-1
          npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1
          npm run -s perennial -- remediations rem-20261121T090000-0123456789 --region eu-central-1
          npm run -s perennial -- plan i-0aaa --region eu-central-1

        From the inventory:
          Purpose: Storefront pages
          Environment: prod, multiple instances
          Network: host shop-web; subnets private-a, private-c
          OS: Amazon Linux 2023
          Programs: web: nginx 1.28
          Software: storefront 5.2.1 (config a1b2c3d)
          Linked systems: shop-db (database)
          Golden image: role web, approved id in the parameter /perennial/images/web/approved; chosen for the repair: ami-0v2
          Monitoring: unknown (not in the catalog)
          Documentation: unknown (not in the catalog)
        "
      `);
  });

  it('needs-person after a veto names the guardrail; a paused one says how to resume', () => {
    const vetoed = remediationOf({
      state: 'vetoed',
      reason: 'Paused (global) by kim: release',
      guardrails: [{ name: 'pause', verdict: 'veto', reason: 'Paused (global) by kim: release' }],
      failure: { phase: 'guard', reason: 'Paused', guardrail: 'pause' },
    });
    const { subject, text } = composeMessage('needs-person', { incident: incidentOf(), now, system: shopWeb, remediation: vetoed });
    expect(subject).toBe('[high] shop-web: person needed: a guardrail stopped the repair (eu-central-1)');
    expect(text).toContain('Guardrail "pause": Paused (global) by kim: release.');
    expect(text).toContain('Nothing was tried: it has touched nothing.');
    expect(text).toContain('npm run -s perennial -- resume shop-web --reason "by hand: inc-20261121T090000-0a1b2c3d" --region eu-central-1');
  });

  it('needs-person while the repair still runs (page anyway)', () => {
    const { subject, text } = composeMessage('needs-person', {
      incident: incidentOf({ state: 'repairing' }),
      now,
      system: shopWeb,
      remediation: remediationOf({ phases: [phase('confirm')] }),
    });
    expect(subject).toBe('[high] shop-web: person needed: the repair is not done in time (eu-central-1)');
    expect(text).toContain('The repair is not done in time: no success by 09:05:05 UTC.');
    expect(text).toContain('It is in the phase launch since 09:00:20 UTC and goes on; you will be told how it ends.');
    expect(text).toContain('npm run -s perennial -- pause shop-web');
  });

  it('needs-person without any repair', () => {
    const { text, sms } = composeMessage('needs-person', { incident: incidentOf(), now, system: shopWeb, reason: 'Nothing declares how to repair it' });
    expect(text).toContain('Perennial does not repair it: Nothing declares how to repair it. It has touched nothing.');
    expect(sms).toBe(
      'shop-web person needed: no repair runs. i-0aaa eu-central-1. Owner team-shop. inc-20261121T090000-0a1b2c3d. Impact: Customers cannot order.',
    );
  });

  it('would-have: what a dry run would have done', () => {
    const { text } = composeMessage('would-have', {
      incident: incidentOf(),
      now,
      system: shopWeb,
      remediation: remediationOf({ state: 'would-have', reason: 'Would have replaced i-0aaa from ami-0v2' }),
    });
    expect(text).toContain('Would have replaced i-0aaa from ami-0v2.');
    expect(text).toContain('The policy of shop-web is a dry run, so nothing was touched and the trouble goes on.');
    expect(text).toContain('npm run -s perennial -- plan i-0aaa --region eu-central-1');
  });

  it('unknown-instance: was not in inventory, and is not touched (S0-04)', () => {
    const { system: _system, ...incident } = incidentOf({
      subject: { type: 'instance', id: 'i-0xyz' },
      wasInInventory: false,
      owner: 'operators',
      impact: '',
      title: 'i-0xyz was not in inventory. Status check failed.',
    });
    expect(print(composeMessage('unknown-instance', { incident, now, eta: undefined }))).toMatchInlineSnapshot(`
      "
      [high] i-0xyz: unknown instance, was not in inventory (eu-central-1)
      SMS i-0xyz unknown instance, was not in inventory. eu-central-1. Owner operators. inc-20261121T090000-0a1b2c3d. Impact: not stated in the catalog.

      i-0xyz: unknown instance, was not in inventory.

      What: i-0xyz was not in inventory. Status check failed.
      Where: account 111122223333, Region eu-central-1, system unknown, instance i-0xyz
      Impact: not stated in the catalog
      Severity: high
      Owner: operators
      Since: 2026-11-21 09:00:00 UTC, 30 s ago
      Last deploy: unknown
      Incident: inc-20261121T090000-0a1b2c3d

      i-0xyz was not in inventory: nobody had listed it before this incident. It is listed from now on, first seen 2026-11-21 09:00:00 UTC.
      It belongs to no system of the catalog, so Perennial has not touched it and will not.
      Find its owner, then tag it with the name of its system; if there is none, describe one in ops/ first.

      Do next (with credentials of account 111122223333):
        npm run -s perennial -- acknowledge inc-20261121T090000-0a1b2c3d --region eu-central-1
        npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1
        npm run -s perennial -- inventory list --region eu-central-1
        aws ec2 describe-instances --instance-ids i-0xyz --region eu-central-1
        aws ec2 create-tags --resources i-0xyz --tags Key=perennial:system,Value=SYSTEM --region eu-central-1
      "
    `);
  });

  it('masks personal data of every free text', () => {
    const secret = 'call kim@example.com or +82 10-1234-5678';
    const facts = {
      incident: incidentOf({ title: secret, impact: secret, owner: secret, resolution: secret }),
      now,
      system: { ...shopWeb, spec: { ...shopWeb.spec, purpose: secret, impact: secret } },
      lastDeployment: { ...lastDeployment, version: secret },
      remediation: {
        ...failed,
        reason: secret,
        differences: [secret],
        phases: [phase('launch', 'failed', secret)],
        guardrails: [{ name: 'pause', verdict: 'veto' as const, reason: secret }],
      },
      reason: secret,
    };
    const steps: readonly MessageStep[] = [
      'detected',
      'replacing',
      'recovered',
      'needs-person',
      'would-have',
      'unknown-instance',
      'approval-needed',
      'drill-ended',
    ];
    for (const step of steps) {
      const { data, ...texts } = composeMessage(step, facts);
      expect(JSON.stringify([texts, data])).not.toMatch(/kim@example|1234-5678/);
    }
  });

  it('names systems and changes, never the person who deployed (S3-23)', () => {
    const { text, sms, data } = composeMessage('needs-person', {
      incident: incidentOf(),
      now,
      system: shopWeb,
      lastDeployment: { ...lastDeployment, deployer: 'kim' },
      remediation: failed,
    });
    expect(JSON.stringify([text, sms, data])).not.toContain('kim');
  });

  it('is JSON for programs', () => {
    const { data, system } = composeMessage('recovered', { incident: incidentOf(), now, eta, system: shopWeb, lastDeployment, remediation: recovered });
    expect(system).toBe('shop-web');
    expect(JSON.parse(JSON.stringify(data))).toEqual(data);
    expect(data).toMatchObject({
      schemaVersion: 1,
      step: 'recovered',
      incidentId: 'inc-20261121T090000-0a1b2c3d',
      accountId: scope.accountId,
      region: scope.region,
      remediation: { recoverySeconds: 112, rtoSeconds: 600, isRtoMet: true, newInstanceId: 'i-0bbb' },
      lastDeployment: { version: '5.2.1' },
      inventory: { Purpose: 'Storefront pages', OS: 'Amazon Linux 2023' },
    });
  });
});

describe('lengths', () => {
  // `size: 'max'`: by default fast-check's texts stay around ten characters, and no bound would ever be reached.
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600, size: 'max' }),
    fc.string({ unit: 'grapheme', maxLength: 600, size: 'max' }),
    fc.string({ maxLength: 200, size: 'max' }),
  );

  it('keeps SMS to 160 characters of its alphabet with room for "Repeat: ", and subjects to 100, whatever the texts', () => {
    fc.assert(
      fc.property(
        fc.record({ title: anyText, impact: anyText, owner: anyText, subjectId: anyText, id: anyText, reason: anyText }),
        fc.constantFrom<MessageStep>('detected', 'replacing', 'recovered', 'needs-person', 'would-have', 'unknown-instance', 'approval-needed', 'drill-ended'),
        fc.boolean(),
        ({ title, impact, owner, subjectId, id, reason }, step, isKnown) => {
          const { system, ...unclaimed } = incidentOf({ title, impact, owner, id, subject: { type: 'instance', id: subjectId } });
          const incident = isKnown ? { ...unclaimed, system: system ?? '' } : unclaimed;
          const message = composeMessage(step, {
            incident,
            now,
            reason,
            ...(isKnown ? { system: shopWeb, remediation: { ...failed, reason, oldInstanceId: subjectId } } : {}),
          });
          expect(message.subject.length).toBeLessThanOrEqual(100);
          expect(message.subject).not.toMatch(/[\r\n]/);
          expect(message.sms.length).toBeLessThanOrEqual(152);
          expect(message.sms).toMatch(/^[ -~]+$/);
          expect(message.sms).not.toMatch(/[[\]{}^~\\|`]/);
          expect(message.text.length).toBeLessThan(20_000);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('cuts an SMS of any length at the same place', () => {
    for (let length = 1; length <= 400; length += 1) expect(smsText(['x'.repeat(length)])).toHaveLength(Math.min(length + 1, 152));
  });

  it('writes durations people read', () => {
    expect([0, 59.6, 61, 600, 3600, 12_000, 200_000, -5].map(durationText)).toEqual([
      '0 s',
      '1 min',
      '1 min 1 s',
      '10 min',
      '1 h',
      '3 h 20 min',
      '2 days 7 h',
      '0 s',
    ]);
  });
});

describe('composeDeployMessage', () => {
  it('is a summary for all who subscribed (S3-29), with findings and open incidents', () => {
    const findings = [{ rule: 'rollback-not-tested', text: 'It changes the database and the rollback was not tested.' }];
    const deployment: Deployment = { ...lastDeployment, databaseChange: true, rollbackTested: false, approver: 'lee' };
    expect(print(composeDeployMessage({ deployment, kind: 'finished', findings, openIncidents: [incidentOf()], system: shopWeb, now }))).toMatchInlineSnapshot(`
      "
      shop-web: deploy finished: 5.2.1 (eu-central-1)
      SMS shop-web deploy finished: 5.2.1. 111122223333 eu-central-1.

      shop-web: deploy finished: 5.2.1.

      What: version 5.2.1 (commit a1b2c3d4e5f6)
      Where: account 111122223333, Region eu-central-1, system shop-web
      Impact if it goes wrong: Customers cannot order
      Owner: team-shop
      Way back: version 5.2.0; rollback not tested
      Database: changed by this deploy
      Announced by: [e-mail], approved by lee
      Started: 2026-11-21 08:47:00 UTC; finished after 1 min
      Finding: It changes the database and the rollback was not tested.
      Open incident of this system: inc-20261121T090000-0a1b2c3d

      To look closer or step in (with credentials of account 111122223333):
        npm run -s perennial -- incidents inc-20261121T090000-0a1b2c3d --region eu-central-1
      "
    `);
  });

  it('masks an address given as deployer', () => {
    const message = composeDeployMessage({ deployment: lastDeployment, kind: 'started', findings: [], openIncidents: [], now });
    expect(JSON.stringify(message)).not.toContain('kim@example.com');
    expect(message.data['step']).toBe('deploy-started');
  });
});

describe('composeDeadLetterMessage', () => {
  it('says what was lost and how to send it again', () => {
    const deadLetter = { id: 'dead-1', at: opening, reason: 'It is not JSON', sizeBytes: 12 };
    expect(print(composeDeadLetterMessage({ scope, deadLetter, now }))).toMatchInlineSnapshot(`
      "
      Perennial: an event could not be read (eu-central-1)
      SMS Perennial could not read an event. It is not JSON. 111122223333 eu-central-1.

      Perennial: an event could not be read.

      Why: It is not JSON.
      Where: account 111122223333, Region eu-central-1
      When: 2026-11-21 09:00:00 UTC; 12 bytes
      Impact: what the event reports is not acted on. All other events are.
      It is kept unmodified for 14 days. Correct its sender, or send it again once Perennial can read it.

      Do next (with credentials of account 111122223333):
        npm run -s perennial -- dead-letters show dead-1 --region eu-central-1
        npm run -s perennial -- dead-letters redrive --region eu-central-1
      "
    `);
  });
});
