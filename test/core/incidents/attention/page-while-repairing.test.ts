import { describe, expect, it } from 'vitest';
import type { Incident } from '../../../../core/incidents/record.ts';
import { createJournal, tellPeople } from '../../../../core/remediation/driver/journal.ts';
import { type Remediation, remediationType } from '../../../../core/remediation/record.ts';
import { keys } from '../../../../core/records/keys.ts';
import { createRecord } from '../../../../core/records/record-type.ts';
import { remediationOf, scope } from '../world.ts';
import { type AttentionWorld, attentionWorld, systems } from './attention-world.ts';

const severities = ['critical', 'high', 'warning', 'info'] as const;
type Severity = (typeof severities)[number];

/** A repair of an incident of this severity, begun and told of as the intake does. */
async function begin(
  severity: Severity,
): Promise<{ world: AttentionWorld; incident: Incident; repair: Remediation; journal: ReturnType<typeof createJournal> }> {
  const world = attentionWorld();
  const ports = { ...world.ports, catalog: async () => ({ ...(await world.ports.catalog()), systems }) };
  const repair = remediationOf({ incidentId: 'inc-1' });
  const incident = await world.open('inc-1', { severity, remediationIds: [repair.id] });
  await createRecord(world.memory, remediationType, keys.remediation(scope, repair.id), repair);
  await tellPeople(ports, { incident, step: 'detected', id: `${repair.id}:detected`, remediation: repair });
  return { world, incident, repair, journal: createJournal(ports) };
}

const channelsOf = ({ publisher }: AttentionWorld, suffix: string): string =>
  publisher.delivered.find(({ notificationId }) => notificationId.endsWith(suffix))?.channels.join('+') ?? 'nothing';

const guardPassed = (repair: Remediation): Remediation => ({
  ...repair,
  phases: [{ name: 'guard', outcome: 'done', reason: 'all guardrails pass', startedAt: repair.timing.decidedAt, endedAt: repair.timing.decidedAt }],
});

const ended = (repair: Remediation, state: 'succeeded' | 'failed' | 'vetoed' | 'stood-down'): Remediation => ({
  ...repair,
  state,
  reason: state === 'failed' ? 'The new instance never became healthy' : state,
  timing: { ...repair.timing, endedAt: '2026-11-21T09:04:00.000Z' },
});

describe('a page while a repair runs (design.md sections 2 and 4)', () => {
  const atOnce = { critical: 'https+email+sms', high: 'https', warning: 'nothing', info: 'https' } as const;
  const afterTheWait = { ...atOnce, warning: 'https+email' } as const;
  const phone = 'https+email+sms';

  it.each(severities)('%s: when the repair begins, only what is critical pages', async (severity) => {
    const { world } = await begin(severity);
    expect(channelsOf(world, ':detected')).toBe(atOnce[severity]);
    await world.minutes(1);
    expect(channelsOf(world, ':detected')).toBe(afterTheWait[severity]);
  });

  it.each(severities)('%s: a repair that succeeds rings no phone that has not rung', async (severity) => {
    const { world, repair, journal } = await begin(severity);
    await journal.phaseEnded(repair, guardPassed(repair));
    await journal.finished(ended(repair, 'succeeded'));
    await world.minutes(2);
    expect(channelsOf(world, ':replacing')).toBe('https+email');
    expect(channelsOf(world, ':recovered')).toBe(severity === 'critical' ? phone : 'https+email');
    const rung = world.publisher.delivered.filter(({ channels }) => channels.includes('sms')).map(({ notificationId }) => notificationId.split(':')[1]);
    expect(rung).toEqual(severity === 'critical' ? ['detected', 'recovered'] : []);
  });

  for (const state of ['failed', 'vetoed', 'stood-down'] as const) {
    it.each(severities)(`%s: a repair that is ${state} pages at once, and says what was tried`, async (severity) => {
      const { world, repair, journal } = await begin(severity);
      await journal.phaseEnded(repair, guardPassed(repair));
      await journal.finished(ended(repair, state));
      expect(channelsOf(world, ':needs-person')).toBe(phone);
      const page = world.publisher.delivered.find(({ notificationId }) => notificationId.endsWith(':needs-person'));
      expect(page?.text).toContain(ended(repair, state).reason);
    });
  }

  it.each(severities)('%s: the armed page comes when the repair takes too long', async (severity) => {
    const { world, repair, journal } = await begin(severity);
    await journal.pageAnyway(repair);
    expect(channelsOf(world, ':page-anyway')).toBe(phone);
  });
});
