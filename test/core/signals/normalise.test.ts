import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemHasher } from '../../../aws/runtime/system.ts';
import { readMoment } from '../../../core/signals/envelope.ts';
import { type FingerprintedSignal, readSignals, type ReadResult } from '../../../core/signals/normalise.ts';
import { signalTable } from '../../../core/signals/table.ts';

const receivedAt = '2026-11-21T10:00:00.000Z';
const scope = { accountId: '999999999999', region: 'eu-west-1' };
const read = (raw: unknown): ReadResult => readSignals(raw, { hasher: systemHasher, scope, receivedAt });

function only(raw: unknown): FingerprintedSignal {
  const { signals, rejected } = read(raw);
  expect(rejected).toEqual([]);
  const [signal] = signals;
  if (signal === undefined || signals.length !== 1) throw new Error(`${signals.length} signals`);
  return signal;
}

const busEvent = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  source: 'aws.ec2',
  'detail-type': 'EC2 Instance State-change Notification',
  time: '2026-11-21T09:00:00Z',
  account: '111122223333',
  region: 'eu-central-1',
  detail: { 'instance-id': 'i-0123456789abcdef0', state: 'running' },
  ...changes,
});

const alarmMessage = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  AlarmName: 'shop-web-unhealthy',
  AlarmDescription: null,
  AWSAccountId: '111122223333',
  NewStateValue: 'ALARM',
  NewStateReason: 'Threshold Crossed',
  StateChangeTime: '2026-11-21T09:00:00.123+0000',
  Region: 'EU (Frankfurt)',
  OldStateValue: 'OK',
  Trigger: { MetricName: 'Unhealthy', Namespace: 'Shop', Dimensions: [] },
  ...changes,
});

const alarmArn = 'arn:aws:cloudwatch:eu-central-1:111122223333:alarm:shop-web-unhealthy';

function busAlarm(detail: Record<string, unknown>): Record<string, unknown> {
  return busEvent({
    source: 'aws.cloudwatch',
    'detail-type': 'CloudWatch Alarm State Change',
    detail: {
      alarmName: 'shop-web-unhealthy',
      state: { value: 'ALARM', reason: 'Threshold Crossed', timestamp: '2026-11-21T09:00:00.123+0000' },
      configuration: { metrics: [] },
      ...detail,
    },
  });
}

const metric = (dimensions: Record<string, string>): object => ({ metricStat: { metric: { name: 'm', namespace: 'n', dimensions } } });

const health = (changes: Record<string, unknown>): Record<string, unknown> =>
  busEvent({
    source: 'aws.health',
    'detail-type': 'AWS Health Event',
    detail: { service: 'EC2', eventTypeCode: 'AWS_EC2_X', eventTypeCategory: 'issue', statusCode: 'open', ...changes },
  });

describe('what is believed', () => {
  const awsTypes = Object.entries(signalTable).filter(([, row]) => row.source.startsWith('aws.'));

  it.each(awsTypes)('never believes %s from a source that is not its own', (detailType, row) => {
    for (const source of ['perennial', 'com.example', 'aws.fake', `${row.source} `]) {
      const { signals, rejected } = read(busEvent({ source, 'detail-type': detailType }));
      expect(signals).toEqual([]);
      expect(rejected[0]?.reason).toContain('not believed');
    }
  });

  it('does not believe our own detail-types from others, nor a direct call from elsewhere', () => {
    expect(read(busEvent({ 'detail-type': 'Deployment Finished' })).rejected[0]?.reason).toContain("Perennial's own");
    expect(read({ source: 'mine', alarmArn, alarmData: {} }).rejected[0]?.reason).toContain('not believed');
  });

  it('rejects an unknown detail-type and says which are known', () => {
    expect(read(busEvent({ 'detail-type': 'constructor' })).rejected[0]?.reason).toContain('EC2 Spot Instance Interruption Warning');
    expect(read(busEvent({ source: 'aws.s3', 'detail-type': 'Object Created' })).rejected[0]?.reason).toContain('AWS Health Event');
  });

  it.each([
    [busEvent({ time: undefined }), 'The event is malformed: time is missing.'],
    [busEvent({ time: 'yesterday' }), 'The event is malformed: time does not have the form it must have.'],
    [busEvent({ detail: { state: 'running' } }), 'The event is malformed: detail.instance-id is missing.'],
    [
      busEvent({ detail: { 'instance-id': 'i-0123456789abcdef0', state: 'asleep' } }),
      'The event is malformed: detail.state is none of pending, running, stopping, stopped, shutting-down, terminated.',
    ],
    [busEvent({ account: 'someone' }), 'The event is malformed: account does not have the form it must have.'],
    [alarmMessage({ StateChangeTime: undefined }), 'The event is malformed: StateChangeTime is missing.'],
    [alarmMessage({ NewStateValue: 'PANIC' }), 'The event is malformed: NewStateValue is none of ALARM, OK, INSUFFICIENT_DATA.'],
    [
      { source: 'aws.cloudwatch', alarmArn, time: '2026-11-21T09:00:00Z', alarmData: { alarmName: 'x' } },
      'The event is malformed: alarmData.state is missing.',
    ],
  ])('says what is missing', (raw, reason) => {
    expect(read(raw)).toEqual({ signals: [], rejected: [{ index: 0, reason }] });
  });

  it('tells where in a batch the bad one is', () => {
    const { signals, rejected } = read({ Records: [busEvent(), [busEvent(), 7]].map((body) => ({ eventSource: 'aws:sqs', body: JSON.stringify(body) })) });
    expect(signals).toHaveLength(2);
    expect(rejected).toEqual([{ index: 1, reason: 'Inner record 1: It is neither a JSON object nor a list of them.' }]);
  });

  it('never quotes free text of a rejected event', () => {
    const { rejected } = read(busEvent({ 'detail-type': 'Mail from kim@example.com' }));
    expect(rejected[0]?.reason).not.toContain('kim');
  });
});

describe('alarms', () => {
  it.each([
    ['one metric of one instance', [metric({ InstanceId: 'i-0123456789abcdef0' })], 'instance/i-0123456789abcdef0'],
    [
      'two metrics of one instance',
      [metric({ InstanceId: 'i-0123456789abcdef0' }), metric({ InstanceId: 'i-0123456789abcdef0', device: 'xvda' })],
      'instance/i-0123456789abcdef0',
    ],
    ['metrics of two instances', [metric({ InstanceId: 'i-0123456789abcdef0' }), metric({ InstanceId: 'i-0123456789abcdef1' })], 'alarm/shop-web-unhealthy'],
    ['no instance', [metric({ TargetGroup: 'tg' })], 'alarm/shop-web-unhealthy'],
    ['what is no instance id', [metric({ InstanceId: 'TestInstance' })], 'alarm/shop-web-unhealthy'],
    ['an expression only', [{ expression: 'SELECT MAX(x)' }], 'alarm/shop-web-unhealthy'],
  ])('is about the instance only when the metrics name exactly one: %s', (_name, metrics, expected) => {
    const { subject } = only(busAlarm({ configuration: { metrics } }));
    expect(`${subject.type}/${subject.id}`).toBe(expected);
  });

  it('reads both forms into one fingerprint and one moment, with and without the ARN of the alarm', () => {
    const bus = only(busAlarm({}));
    for (const message of [
      alarmMessage({ AlarmArn: alarmArn }),
      { Type: 'Notification', TopicArn: 'arn:aws:sns:eu-central-1:111122223333:alarms', Message: JSON.stringify(alarmMessage()) },
    ]) {
      expect(only(message)).toMatchObject({ fingerprint: bus.fingerprint, at: bus.at, scope: bus.scope, summary: bus.summary });
    }
  });

  it('falls back on our own account and Region when the message says neither', () => {
    expect(only(alarmMessage({ AWSAccountId: undefined })).scope).toEqual(scope);
  });

  it.each([
    ['breaching', 'firing', 'high'],
    ['- TreatMissingData:                    breaching', 'firing', 'high'],
    ['- TreatMissingData: Breaching', 'firing', 'high'],
    ['missing', 'info', 'info'],
    ['- TreatMissingData: NonBreaching', 'info', 'info'],
    ['notBreaching', 'info', 'info'],
    ['', 'info', 'info'],
    [undefined, 'info', 'info'],
  ])('takes INSUFFICIENT_DATA for trouble only where missing data is breaching: %s', (treatMissingData, state, severity) => {
    const trigger = { MetricName: 'm', TreatMissingData: treatMissingData };
    expect(only(alarmMessage({ NewStateValue: 'INSUFFICIENT_DATA', Trigger: trigger }))).toMatchObject({ state, severity });
  });

  it.each([
    ['[severity=critical]', 'critical'],
    ['Pages. [Severity=WARNING] now', 'warning'],
    ['[severity=loud]', 'high'],
    ['', 'high'],
  ])('takes its severity from the tag in the description: %s', (description, severity) => {
    expect(only(alarmMessage({ AlarmDescription: description })).severity).toBe(severity);
  });

  it('does not let the tag make a resolved alarm loud', () => {
    expect(only(alarmMessage({ AlarmDescription: '[severity=critical]', NewStateValue: 'OK' }))).toMatchObject({ severity: 'info', state: 'resolved' });
  });

  it.each([
    ['arn:aws:automate:eu-central-1:ec2:reboot', 'true'],
    ['arn:aws:swf:eu-central-1:111122223333:action/actions/AWS_EC2.InstanceId.Terminate/1.0', 'true'],
    ['arn:aws:autoscaling:eu-central-1:111122223333:scalingPolicy:1:autoScalingGroupName/a:policyName/b', 'true'],
    ['arn:aws:sns:eu-central-1:111122223333:alarms', undefined],
    ['arn:aws:lambda:eu-central-1:111122223333:function:f', undefined],
  ])('marks an action of its own, %s', (action, isMarked) => {
    const { details } = only(alarmMessage({ AlarmActions: ['arn:aws:sns:eu-central-1:111122223333:alarms', action] }));
    expect(details['ownAction']).toBe(isMarked === undefined ? undefined : action);
  });

  it('takes an alarm that only scales for information', () => {
    const scaling = 'arn:aws:autoscaling:eu-central-1:111122223333:scalingPolicy:1:autoScalingGroupName/a:policyName/b';
    expect(only(alarmMessage({ AlarmActions: [scaling] }))).toMatchObject({ state: 'info', details: { onlyScalingActions: 'true' } });
    expect(only(alarmMessage({ AlarmActions: [scaling, 'arn:aws:sns:eu-central-1:111122223333:alarms'] }))).toMatchObject({
      state: 'firing',
      details: { onlyScalingActions: 'false' },
    });
    expect(only(alarmMessage({ AlarmActions: [] }))).toMatchObject({ state: 'firing' });
  });

  it("takes Perennial's own alarms for information, with the reason", () => {
    const signal = only(alarmMessage({ AlarmName: 'perennial-dead-letters' }));
    expect(signal).toMatchObject({ state: 'info', severity: 'info' });
    expect(signal.summary).toContain("one of Perennial's own");
  });
});

describe('AWS Health', () => {
  it('gives one signal for each thing it names, once', () => {
    const entityValues = ['i-0123456789abcdef0', 'i-0123456789abcdef0', 'i-0123456789abcdef1', 'sg-123', 'vol-0123456789abcdef0'];
    const { signals } = read(health({ affectedEntities: entityValues.map((entityValue) => ({ entityValue })) }));
    expect(signals.map(({ subject }) => subject.id)).toEqual(['i-0123456789abcdef0', 'i-0123456789abcdef1', 'vol-0123456789abcdef0']);
    expect(new Set(signals.map(({ fingerprint }) => fingerprint)).size).toBe(3);
  });

  it('belongs to the affected account and Region, which the management account only relays', () => {
    expect(only(health({ affectedAccount: '444455556666', eventRegion: 'us-east-1' }))).toMatchObject({
      scope: { accountId: '444455556666', region: 'us-east-1' },
      subject: { type: 'account', id: '444455556666' },
    });
    expect(only(health({ eventRegion: 'global' })).scope.region).toBe('eu-central-1');
  });
});

describe('robustness', () => {
  it('does not believe a clock that is more than 5 minutes ahead', () => {
    expect(only(busEvent({ time: '2026-11-21T10:05:00Z' })).at).toBe('2026-11-21T10:05:00.000Z');
    expect(only(busEvent({ time: '2031-01-01T00:00:00Z' }))).toMatchObject({ at: receivedAt, details: { sourceTime: '2031-01-01T00:00:00.000Z' } });
  });

  it.each([
    ['2026-11-21T09:00:00.123+0000', '2026-11-21T09:00:00.123Z'],
    ['2026-11-21T09:00:00Z', '2026-11-21T09:00:00.000Z'],
    ['2026-11-21T09:00:00', '2026-11-21T09:00:00.000Z'],
    ['2026-11-21 09:00:00.5', '2026-11-21T09:00:00.500Z'],
    ['2026-11-21T18:00:00+09:00', '2026-11-21T09:00:00.000Z'],
    ['20261121', undefined],
    ['1763715600', undefined],
    ['', undefined],
  ])('reads the moment %s', (text, moment) => {
    expect(readMoment(text)).toBe(moment);
  });

  it('bounds and cleans a name with markup, line breaks and 260 KB behind it', () => {
    const signal = only(
      alarmMessage({
        AlarmName: `<script>\u0000\n\u202Ealert(1)</script>${'x'.repeat(260_000)}`,
        NewStateReason: `mail kim@example.com ${'y'.repeat(260_000)}`,
      }),
    );
    expect(signal.rule).toHaveLength(255);
    expect(signal.rule.startsWith('<script> alert(1)</script>xxx')).toBe(true);
    expect(signal.summary.length).toBeLessThanOrEqual(500);
    expect(signal.details['reason']).toMatch(/^mail \[e-mail\] y+…$/);
    expect(JSON.stringify(signal)).not.toContain('kim@example.com');
  });

  it('masks the summary', () => {
    expect(only(alarmMessage({ NewStateReason: 'Call 010-1234-5678 or kim@example.com' })).summary).toBe(
      'Alarm shop-web-unhealthy went to ALARM: Call [phone] or [e-mail].',
    );
  });

  it('masks what a person wrote, and keeps the actors of a deploy in their typed field only', () => {
    const detail = { system: 'shop-web', version: '1', commit: 'c0ffee', deployer: 'kim@example.com', at: '2026-11-21T09:00:00Z' };
    const signal = only(busEvent({ source: 'perennial', 'detail-type': 'Deployment Started', detail }));
    expect(signal.details['deployer']).toBe('[e-mail]');
    expect(signal.deployment?.deployer).toBe('kim@example.com');
  });

  it('takes nothing from a prototype', () => {
    const evil =
      '{"source":"aws.ec2","detail-type":"EC2 Instance State-change Notification","time":"2026-11-21T09:00:00Z","detail":{"__proto__":{"instance-id":"i-0123456789abcdef0","state":"running"}}}';
    expect(read(evil)).toMatchObject({ signals: [], rejected: [{ index: 0 }] });
    expect(read('{"__proto__":{"AlarmName":"x","NewStateValue":"ALARM"}}').signals).toEqual([]);
    expect(Object.hasOwn(Object.prototype, 'state')).toBe(false);
  });

  it('never throws and never answers nothing, whatever it is given', () => {
    const detail = fc.oneof(
      fc.dictionary(fc.constantFrom('instance-id', 'state', 'alarmName', 'system', 'at', '__proto__', 'affectedEntities'), fc.jsonValue()),
      fc.jsonValue(),
    );
    const detailType = fc.constantFrom(...Object.keys(signalTable));
    const event = detailType.chain((name) =>
      fc.record({
        source: fc.constant(Object.entries(signalTable).find(([key]) => key === name)?.[1].source ?? ''),
        'detail-type': fc.constant(name),
        time: fc.constantFrom('2026-11-21T09:00:00Z', '9999-12-31T23:59:59Z', 'x'),
        resources: fc.array(fc.string()),
        detail,
      }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.string(), event), (raw) => {
        const { signals, rejected } = read(raw);
        expect(signals.length + rejected.length).toBeGreaterThan(0);
        for (const signal of signals) {
          expect(signal.summary.length).toBeLessThanOrEqual(500);
          expect(signal.at <= '2026-11-21T10:05:00.000Z').toBe(true);
          expect(Object.keys(signal.details).length).toBeLessThanOrEqual(20);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads the same body into the same signals', () => {
    expect(read(busEvent())).toEqual(read(JSON.stringify(busEvent())));
  });
});
