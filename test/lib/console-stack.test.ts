import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { ACKNOWLEDGED_MINUTES, decideAcknowledgement } from '../../core/incidents/lifecycle/acknowledge.ts';
import { type Incident, incidentSchema } from '../../core/incidents/record.ts';
import { keys } from '../../core/records/keys.ts';
import { pauseSchema } from '../../core/remediation/record.ts';
import { abortScript, acknowledgeScript, approveScript } from '../../lib/console-scripts.ts';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

/** Matches a text that contains `part`; typed, where vitest says `any`. */
const containing = (part: string): unknown => expect.stringContaining(part);

const template = parseTemplate(synthesise().console.template);
const documents = resourcesOf(template, 'AWS::SSM::Document').map(([, { Properties }]) => Properties);
const switches = documents.filter(({ Name }) => Name === 'Perennial-Pause' || Name === 'Perennial-Resume');
const { partition, sort } = keys.pause({ accountId: '<account>', region: '<region>' }, '{{ Target }}');

/** References to account and Region printed as `<account>` and `<region>`. */
function printed(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || !('Fn::Join' in inner)) return inner;
    const parts = Array.isArray(inner['Fn::Join']) ? (inner['Fn::Join'][1] as unknown) : [];
    return Array.isArray(parts) ? parts.map((part: unknown) => (typeof part === 'string' ? part : nameOf(part))).join('') : inner;
  });
}

function nameOf(part: unknown): string {
  const ref = JSON.stringify(part);
  if (ref.includes('AWS::AccountId')) return '<account>';
  return ref.includes('AWS::Region') ? '<region>' : ref;
}

describe('what a phone can run', () => {
  it('is Perennial-Pause, -Resume, -Approve, -Abort and -Acknowledge', () => {
    expect(documents.map(({ Name, DocumentType }) => [Name, DocumentType])).toEqual([
      ['Perennial-Pause', 'Automation'],
      ['Perennial-Resume', 'Automation'],
      ['Perennial-Approve', 'Automation'],
      ['Perennial-Abort', 'Automation'],
      ['Perennial-Acknowledge', 'Automation'],
    ]);
  });

  it.each([
    ['Perennial-Pause', true],
    ['Perennial-Resume', false],
  ])('%s writes the switch that the guardrails read', (document, isPaused) => {
    const content = printed(documents.find(({ Name }) => Name === document)?.['Content']);
    expect(content).toContain(`"Key":{"pk":{"S":"${partition}"},"sk":{"S":"${sort}"}}`);
    expect(content).toContain(`"isPaused":{"BOOL":${isPaused}}`);
    // A phone has the pause; the freeze is the command line's.
    for (const field of Object.keys(pauseSchema.shape).filter((name) => name !== 'isFrozen')) expect(content).toContain(`"${field}":{`);
    expect(content).toContain('SET #version = if_not_exists(#version, :none) + :one');
  });

  it('needs a reason (S1-21)', () => {
    for (const { Content } of documents) expect(Content).toMatchObject({ parameters: { Reason: { allowedPattern: '^.{3,200}$' } } });
    for (const { Content } of switches) expect(Content).toMatchObject({ parameters: { Target: { default: 'global' } } });
    expect(JSON.stringify(documents)).not.toContain('"Reason":{"type":"String","default"');
  });

  it.each([
    ['Perennial-Approve', approveScript],
    ['Perennial-Abort', abortScript],
  ])('%s decides on the record that the driver reads, and names it by its id', (name, script) => {
    const content = documents.find(({ Name }) => Name === name)?.['Content'];
    const key = keys.remediation({ accountId: '<account>', region: '<region>' }, '{{ Remediation }}');
    expect(printed(content)).toContain(`"pk":"${key.partition}","sk":"${key.sort}"`);
    expect(content).toMatchObject({
      parameters: { Remediation: { allowedPattern: '^rem-[0-9A-Za-z-]{1,80}$' } },
      mainSteps: [{ inputs: { Script: script, Handler: 'handler' } }],
    });
    expect(key.sort).toMatch(/^[{} A-Za-z]+$/);
  });

  it('Perennial-Acknowledge writes the incident that the page names, for 1 to 1,440 minutes', () => {
    const content = documents.find(({ Name }) => Name === 'Perennial-Acknowledge')?.['Content'];
    const key = keys.incident({ accountId: '<account>', region: '<region>' }, '{{ Incident }}');
    expect(printed(content)).toContain(`"pk":"${key.partition}","sk":"${key.sort}"`);
    const found = z.parse(
      z.object({
        parameters: z.object({ Incident: z.object({ allowedPattern: z.string() }), Minutes: z.object({ default: z.string(), allowedPattern: z.string() }) }),
        mainSteps: z.array(z.object({ inputs: z.object({ Script: z.string(), InputPayload: z.object({ minutes: z.string() }) }) })),
      }),
      content,
    );
    expect(found.mainSteps[0]?.inputs).toMatchObject({ Script: acknowledgeScript, InputPayload: { minutes: '{{ Minutes }}' } });
    const minutes = new RegExp(found.parameters.Minutes.allowedPattern);
    expect(['1', '30', '999', '1000', '1399', '1440'].filter((text) => !minutes.test(text))).toEqual([]);
    expect(['0', '', '-1', '1441', '1500', '030', '9999', '1e3'].filter((text) => minutes.test(text))).toEqual([]);
    expect(found.parameters.Minutes.default).toBe(String(ACKNOWLEDGED_MINUTES));
  });

  it('its role reaches pause switches, remediations and incidents, and nothing else', () => {
    const [policy] = resourcesOf(template, 'AWS::IAM::Policy');
    const statements = printed(policy?.[1].Properties['PolicyDocument']);
    expect(statements).toContain('"Action":"dynamodb:UpdateItem"');
    expect(statements).toContain('"Action":["dynamodb:GetItem","dynamodb:UpdateItem"]');
    expect(statements).toContain(`"dynamodb:LeadingKeys":["${partition}"]`);
    const place = { accountId: '<account>', region: '<region>' };
    expect(statements).toContain(`"dynamodb:LeadingKeys":["${keys.remediation(place, 'any').partition}","${keys.incident(place, 'any').partition}"]`);
    expect(statements.match(/"Action"/g)).toHaveLength(2);
  });
});

/** Runs a script of a document with a table in memory; gives its answer, or what it refuses with. */
function runScript(script: string, body: unknown): { readonly answer?: string; readonly error?: string; readonly written?: unknown } {
  const stub = `
import json, sys, types

item = json.loads(sys.stdin.read())
written = {}
class Table:
    def get_item(self, Key, ConsistentRead): return {'Item': {'version': 3, 'body': item}} if item is not None else {}
    def update_item(self, **words): written.update({'expression': words['UpdateExpression'], 'value': words['ExpressionAttributeValues'][':value'], 'state': words['ExpressionAttributeValues'].get(':state')})
class Attr:
    def __init__(self, name): pass
    def eq(self, value): return value
boto3 = types.ModuleType('boto3'); boto3.resource = lambda name: types.SimpleNamespace(Table=lambda name: Table())
conditions = types.ModuleType('boto3.dynamodb.conditions'); conditions.Attr = Attr
sys.modules.update({'boto3': boto3, 'boto3.dynamodb': types.ModuleType('boto3.dynamodb'), 'boto3.dynamodb.conditions': conditions})
scope = {}
exec(${JSON.stringify(script)}, scope)
try:
    answer = scope['handler']({'table': 't', 'pk': 'p', 'sk': 'rem-1', 'by': 'console', 'reason': 'checked', 'writeId': 'w', 'minutes': '45'}, None)
    print(json.dumps({**answer, **({'written': written} if written else {})}))
except Exception as error:
    print(json.dumps({'error': str(error)}))
`;
  const printedAnswer = execFileSync('python3', ['-c', stub], { input: JSON.stringify(body), encoding: 'utf8' });
  return z.parse(z.object({ answer: z.optional(z.string()), error: z.optional(z.string()), written: z.optional(z.unknown()) }), JSON.parse(printedAnswer));
}

const waiting = { state: 'running', phase: 'await-approval', approval: { expiresAt: '2999-01-01T00:00:00.000Z' } };
const late = { expiresAt: '2026-01-01T00:00:00.000Z' };

describe('the scripts of the documents', () => {
  it('say yes, and stop, as the commands do', () => {
    const yes = runScript(approveScript, waiting);
    expect(yes).toMatchObject({
      answer: containing('Approved.'),
      written: { expression: containing('SET body.approval.granted = :value') },
    });
    expect(
      z.parse(z.object({ value: z.object({ by: z.string(), at: z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)) }) }), yes.written)
        .value.by,
    ).toBe('console: checked');
    expect(runScript(abortScript, { state: 'running', phase: 'launch' })).toMatchObject({
      answer: containing('nearest safe point'),
      written: { expression: containing('SET body.abort = :value'), value: { by: 'console', reason: 'checked' } },
    });
  });

  it.each([
    ['an unknown remediation', approveScript, null, /There is no remediation rem-1/],
    ['one that is over', approveScript, { ...waiting, state: 'vetoed' }, /is over \(vetoed\)/],
    ['one that asks for nothing', approveScript, { state: 'running', phase: 'launch' }, /asks for no approval/],
    ['a request that has expired', approveScript, { ...waiting, approval: late }, /Too late/],
    ['an unknown remediation', abortScript, null, /There is no remediation rem-1/],
    ['one that is over', abortScript, { state: 'succeeded' }, /is over \(succeeded\)/],
  ])('refuse %s with a reason, and write nothing', (_name, script, body, reason) => {
    const { error, written } = runScript(script, body);
    expect(error).toMatch(reason);
    expect(written).toBeUndefined();
  });

  it('let an expired request be granted while it is frozen, and change nothing twice', () => {
    expect(runScript(approveScript, { ...waiting, approval: late, frozen: {} }).written).toBeDefined();
    expect(runScript(approveScript, { ...waiting, approval: { ...late, granted: { by: 'kim', at: 'x' } } })).toEqual({
      answer: 'kim approved it already at x',
    });
    expect(runScript(abortScript, { state: 'running', abort: { by: 'kim', at: 'x' } })).toEqual({ answer: 'kim asked for its end already at x' });
  });

  it.each(['open', 'acknowledged', 'repairing', 'stable', 'resolved', 'post-mortem-due', 'closed'] as const)(
    'acknowledge an incident that is %s as the command does, or refuse like it (S3-22)',
    (state) => {
      const body = { ...incident, state };
      const { error, written } = runScript(acknowledgeScript, body);
      const decided = decideAcknowledgement(body, { by: 'console: checked', minutes: 45, at: '2026-11-21T09:00:00.000Z' });
      if (decided.kind === 'refused') {
        expect(written).toBeUndefined();
        expect(error).toBe(decided.reason.replaceAll(incident.id, 'rem-1').replace(': no reason recorded', ''));
        return;
      }
      const { value, state: next } = z.parse(z.object({ state: z.string(), value: z.object({ by: z.string(), at: z.string(), until: z.string() }) }), written);
      expect(next).toBe(decided.incident.state);
      expect(Object.keys(value).toSorted()).toEqual(['at', 'by', 'until']);
      expect(Date.parse(value.until) - Date.parse(value.at)).toBe(45 * 60_000);
      // What it leaves reads as an incident.
      expect(incidentSchema.parse({ ...body, state: next, acknowledged: value })).toMatchObject({ acknowledged: { by: 'console: checked' } });
    },
  );
});

const incident: Incident = {
  id: 'inc-20261121T090000-0a1b2c3d',
  accountId: '111122223333',
  region: 'eu-central-1',
  place: 'shop-web/i-0aaa',
  severity: 'high',
  state: 'open',
  title: 'x',
  impact: '',
  owner: 'team-shop',
  openedAt: '2026-11-21T09:00:00.000Z',
  updatedAt: '2026-11-21T09:00:00.000Z',
  signals: {},
  remediationIds: [],
  subject: { type: 'instance', id: 'i-0aaa' },
  wasInInventory: true,
};
