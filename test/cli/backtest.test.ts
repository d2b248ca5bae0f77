import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { backtestSchema } from '../../cli/schemas.ts';
import { containing, createDesk, type, typeJson } from './terminal.ts';

const directory = mkdtempSync(join(tmpdir(), 'perennial-backtest-'));
afterAll(() => rmSync(directory, { recursive: true }));

const event = readFileSync(new URL('../events/alarm-metric-eventbridge.json', import.meta.url), 'utf8');

/** The documented event, for the alarm and instance of our own catalog. */
function alarm(value: 'ALARM' | 'OK', at: string, instanceId = 'i-0aaaaaaaaaaaaaaaa'): string {
  const text = event
    .replaceAll('ServerCpuTooHigh', 'shop-web-unhealthy')
    .replaceAll('i-12345678901234567', instanceId)
    .replaceAll('2019-10-02T17:04:40.989+0000', at)
    .replaceAll('2019-10-02T17:04:40Z', at);
  return JSON.stringify(JSON.parse(text.replace('"value": "ALARM"', `"value": "${value}"`)));
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const catalog = file(
  'ops.yaml',
  `apiVersion: perennial/v1
kind: System
metadata: { name: shop-web }
spec:
  owners: { owner: team-shop }
  environment: prod
  topology: multiple
  roles: [web]
  recovery: { rtoSeconds: 600, rpoSeconds: 0 }
  alarms: [shop-web-*]
  image: { role: web }
---
apiVersion: perennial/v1
kind: RemediationPolicy
metadata: { name: shop-web }
spec: { system: shop-web, mode: auto, triggers: [{ alarm: shop-web-unhealthy }] }
`,
).replace('/ops.yaml', '');

const instance = (index: number): string => `i-0000000000000000${index}`;

describe('backtest', () => {
  const events = file('alarms.jsonl', [alarm('ALARM', '2026-11-01T00:00:00Z'), '', '{"not": "an event"}', alarm('OK', '2026-11-01T02:00:00Z')].join('\n'));

  it('replays recorded events without a platform, and says what it could not read', async () => {
    const { exitCode, json } = await typeJson(['backtest', '--events', events, '--catalog', catalog]);
    expect(exitCode).toBe(0);
    const answer = backtestSchema.parse(json);
    expect(answer.episodes).toMatchObject([
      { state: 'would-replace', system: 'shop-web', startedAt: '2026-11-01T00:00:00.000Z', lastedSeconds: 7200, savedSeconds: 6840, isPaged: false },
    ]);
    expect(answer.rejected).toMatchObject([{ line: 2 }]);
    const screen = await type(['backtest', '--events', events, '--catalog', catalog]);
    expect(screen.out).toMatch(/Would replace 1, .*\nPeople paged: 0\. Recovery minutes saved: 114\./);
  });

  it('places a member of an Auto Scaling group by its group and zone, and says that its group would have replaced it', async () => {
    const [instanceId, zone] = [instance(0), 'eu-central-1a'];
    const instances = [{ instanceId, system: 'shop-web', role: 'web', autoScalingGroup: 'web-asg', availabilityZone: zone }];
    const recorded = file('member.jsonl', alarm('ALARM', '2026-11-01T00:00:00Z', instanceId));
    const inventory = file('members.json', JSON.stringify(instances));
    const { json } = await typeJson(['backtest', '--events', recorded, '--catalog', catalog, '--inventory', inventory]);
    expect(backtestSchema.parse(json).episodes).toMatchObject([{ place: 'shop-web/web-asg/eu-central-1a', state: 'would-replace', path: 'group-member' }]);
  });

  it('knows group sizes and slots from an inventory', async () => {
    const instances = Array.from({ length: 3 }, (_, index) => ({ instanceId: instance(index), system: 'shop-web', role: 'web', slotId: `shop-web/${index}` }));
    const inventory = file('inventory.json', JSON.stringify(instances));
    const storm = file('storm.jsonl', [0, 1, 2].map((index) => alarm('ALARM', `2026-11-01T00:00:0${index}Z`, instance(index))).join('\n'));
    const { json } = await typeJson(['backtest', '--events', storm, '--catalog', catalog, '--inventory', inventory]);
    expect(backtestSchema.parse(json).episodes.map(({ place, guardrail }) => [place, guardrail])).toEqual([
      ['shop-web/0', null],
      ['shop-web/1', 'one at a time'],
      ['shop-web/2', 'one at a time'],
    ]);
  });

  it('asks the alarm history of a platform', async () => {
    const desk = await createDesk();
    const asked: unknown[] = [];
    const alarmHistory = async (window: { readonly from: string; readonly to: string }): Promise<readonly unknown[]> => {
      asked.push(window);
      const past: unknown = JSON.parse(alarm('ALARM', '2026-11-20T00:00:00Z'));
      return [past];
    };
    const target = { ...desk.target, fleet: { ...desk.target.fleet, alarmHistory } };
    const { json } = await typeJson(['backtest', '--local', '--catalog', catalog, '--days', '7'], target);
    expect(backtestSchema.parse(json).episodes).toHaveLength(1);
    expect(asked).toEqual([{ from: '2026-11-14T09:00:00.000Z', to: '2026-11-21T09:00:00.000Z' }]);
  });

  it.each([
    [['backtest'], 'What shall be replayed?'],
    [['backtest', '--events', 'no-such-file', '--catalog', '.'], 'has errors'],
    [['backtest', '--events', join(directory, 'none.jsonl'), '--catalog', catalog], 'cannot be read (ENOENT)'],
    [['backtest', '--events', events, '--catalog', catalog, '--inventory', events], 'is no inventory'],
  ])('answers %j with what to do', async (words, text) => {
    expect(await type(words)).toMatchObject({ exitCode: 1, error: containing(text) });
  });
});
