import { describe, expect, it } from 'vitest';
import { alarmMessage, stormWorld } from '../storm-world.ts';

const at = '2026-11-21T09:00:00.000Z';

describe('levels of an alarm', () => {
  it.each([
    [70, 'warning', ['https', 'email']],
    [90, 'high', ['https', 'email', 'sms']],
  ] as const)('%s %% is %s (S4-27)', async (level, severity, channels) => {
    const world = stormWorld();
    await world.take([alarmMessage(0, 0, 'ALARM', at, `Disk of the shop [level=${level}]`)]);
    await world.minutes(2);
    expect(world.publisher.delivered[0]).toMatchObject({ severity, channels });
  });

  it('one incident reaches operators, developers and the business under one id, chat included (S1-01, S1-10, S3-05)', async () => {
    const world = stormWorld();
    await world.take([alarmMessage(0, 0, 'ALARM', at, '[level=90]')]);
    const [message] = world.publisher.delivered;
    const [incident] = await world.incidents();
    expect(message?.data['incidentId']).toBe(incident?.id);
    for (const role of ['operators', 'developers', 'business']) expect(message?.roles).toContain(role);
    expect(message?.channels).toContain('https');
    expect(message?.text).toContain('svc-000');
  });
});
