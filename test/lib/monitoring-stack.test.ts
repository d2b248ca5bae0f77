import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

const template = parseTemplate(synthesise().monitoring.template);
const alarms = new Map(resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => [String(Properties['AlarmName']), Properties]));

const metricsSchema = z.array(z.object({ MetricStat: z.optional(z.unknown()) }));

/** The one metric that an alarm looks at. */
function statOf(alarmName: string): unknown {
  return z.parse(metricsSchema, alarms.get(alarmName)?.['Metrics'])[0]?.MetricStat;
}

describe('the alarms that every system has', () => {
  it('are on processor, memory and, where the catalog says how to read it, response time (S3-08)', () => {
    expect([...alarms.keys()].toSorted()).toEqual([
      'shop-reports-cpu',
      'shop-reports-memory',
      'shop-web-cpu',
      'shop-web-daily-visitors',
      'shop-web-memory',
      'shop-web-response-time',
    ]);
    expect(JSON.stringify(alarms.get('shop-web-cpu')?.['Metrics'])).toContain(
      String.raw`SELECT MAX(CPUUtilization) FROM SCHEMA(\"AWS/EC2\", InstanceId) WHERE tag.\"perennial:system\" = 'shop-web'`,
    );
    expect(alarms.get('shop-web-memory')?.['AlarmDescription']).toContain('The CloudWatch agent runs on the instances');
    expect(alarms.get('shop-web-response-time')).toMatchObject({ Threshold: 0.5, ComparisonOperator: 'GreaterThanThreshold' });
    expect(statOf('shop-web-response-time')).toMatchObject({ Stat: 'p95', Period: 300, Metric: { MetricName: 'TargetResponseTime' } });
  });

  it('may be on a figure of the business (S3-07)', () => {
    expect(alarms.get('shop-web-daily-visitors')).toMatchObject({ Threshold: 1000, ComparisonOperator: 'LessThanThreshold' });
    expect(statOf('shop-web-daily-visitors')).toMatchObject({ Stat: 'Sum', Period: 86_400, Metric: { Namespace: 'Shop', MetricName: 'DailyVisitors' } });
  });

  it('speak to Perennial, say how loud they are, and do nothing themselves', () => {
    for (const [name, { AlarmActions, OKActions, AlarmDescription }] of alarms) {
      expect(JSON.stringify([AlarmActions, OKActions]), name).toMatch(/^\[\[\{"Fn::ImportValue":"Perennial:[^"]*Alarms[^"]*"\}\],\[\{"Fn::ImportValue"/);
      expect(AlarmDescription, name).toMatch(/^\[severity=warning\] /);
    }
  });
});

describe('the dashboard', () => {
  const [dashboard] = resourcesOf(template, 'AWS::CloudWatch::Dashboard').map(([, { Properties }]) => JSON.stringify(Properties['DashboardBody']));
  const text = z.parse(z.string(), dashboard);

  it('has a row for each tier (S4-13)', () => {
    const rows = [...text.matchAll(/# ([a-z-]+)/g)].map(([, tier]) => tier);
    expect(rows).toEqual(['batch', 'load-balancer', 'web']);
  });

  it('shows the figures of the business beside the technical ones (S3-07)', () => {
    expect(text).toContain('shop-web: daily-visitors (visitors)');
    expect(text).toContain('rings below');
  });
});
