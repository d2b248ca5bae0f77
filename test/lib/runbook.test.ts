import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmArticles, alarmNamePrefix } from '../../lib/alarm-registry.ts';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

const template = parseTemplate(synthesise().main.template);
const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
const names = alarms.map(({ AlarmName }) => String(AlarmName));
const descriptions = alarms.map(({ AlarmDescription }) => String(AlarmDescription));
const runbook = readFileSync('docs/runbook.md', 'utf8');
const alarmPart = runbook.slice(runbook.indexOf('\n## Alarms'));
const articles = [...alarmPart.matchAll(/^### (\S+)\n([\s\S]*?)(?=^### |^## (?!Alarms)|$(?![\s\S]))/gm)].map(([, heading = '', body = '']) => ({
  heading,
  body,
}));

const headings = articles.map(({ heading }) => heading).toSorted();

describe('alarms and runbook', () => {
  it('every alarm leads to an article and every article has an alarm', () => {
    const anchors = descriptions.map((text) => /Runbook: docs\/runbook\.md#(\S+)$/.exec(text)?.[1] ?? text);
    expect(headings).toEqual([...new Set(anchors)].toSorted());
    expect(headings).toEqual(Object.keys(alarmArticles).toSorted());
  });

  it.each(articles)('the article $heading says what it means, what it does to users, what to check, and when to call somebody', ({ body }) => {
    for (const part of ['**Means.**', '**Impact.**', '**Check.**', '**Escalate.**']) expect(body).toContain(part);
    expect(body).toMatch(/```sh\n[\s\S]+?```/);
  });

  it('alarm names are unique and begin with our prefix, by which the signals leave them out', () => {
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !name.startsWith(alarmNamePrefix))).toEqual([]);
    const rules = resourcesOf(template, 'AWS::Events::Rule').map(([, { Properties }]) => JSON.stringify(Properties['EventPattern']));
    expect(rules.find((pattern) => pattern.includes('aws.cloudwatch'))).toContain(`{"anything-but":{"prefix":"${alarmNamePrefix}"}}`);
  });

  it('every alarm says how loud it is and what silence means', () => {
    expect(descriptions.filter((text) => !/^\[(critical|high|warning)\] .+ Silence of the metric means (fine|trouble): .+/.test(text))).toEqual([]);
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: at most 1,024 characters
    expect(descriptions.filter((text) => text.length > 1024)).toEqual([]);
  });

  it('alarms speak to people: to the platform topic only, which no queue reads', () => {
    const actions = new Set(alarms.flatMap(({ AlarmActions, OKActions }) => [JSON.stringify(AlarmActions), JSON.stringify(OKActions)]));
    expect([...actions]).toEqual([expect.stringMatching(/^\[\{"Ref":"TopicsPlatform\w+"\}\]$/)]);
    const readers = resourcesOf(template, 'AWS::SNS::Subscription').filter(([, { Properties }]) =>
      JSON.stringify(Properties['TopicArn']).includes('TopicsPlatform'),
    );
    expect(readers.map(([, { Properties }]) => String(Properties['Protocol'])).toSorted()).toEqual(['email', 'https', 'sms']);
  });

  it('a schedule that has stopped is trouble, an idle queue is not (S4-28)', () => {
    const breaching = alarms.filter(({ TreatMissingData }) => TreatMissingData === 'breaching').map(({ AlarmName }) => AlarmName);
    expect(breaching).toEqual([
      'perennial-sweep-not-running',
      'perennial-budget-not-running',
      'perennial-desk-not-running',
      'perennial-impaired-poll-not-running',
      'perennial-heartbeat-missing',
    ]);
    expect(alarms.filter(({ TreatMissingData }) => TreatMissingData !== 'breaching' && TreatMissingData !== 'notBreaching')).toEqual([]);
  });
});
