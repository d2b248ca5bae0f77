import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { keys } from '../../core/records/keys.ts';
import { pauseSchema } from '../../core/remediation/record.ts';
import { abortScript, approveScript } from '../../lib/console-scripts.ts';
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
  it('is Perennial-Pause, -Resume, -Approve and -Abort', () => {
    expect(documents.map(({ Name, DocumentType }) => [Name, DocumentType])).toEqual([
      ['Perennial-Pause', 'Automation'],
      ['Perennial-Resume', 'Automation'],
      ['Perennial-Approve', 'Automation'],
      ['Perennial-Abort', 'Automation'],
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

  it('its role reaches pause switches and remediations, and nothing else', () => {
    const [policy] = resourcesOf(template, 'AWS::IAM::Policy');
    const statements = printed(policy?.[1].Properties['PolicyDocument']);
    expect(statements).toContain('"Action":"dynamodb:UpdateItem"');
    expect(statements).toContain('"Action":["dynamodb:GetItem","dynamodb:UpdateItem"]');
    expect(statements).toContain(`"dynamodb:LeadingKeys":["${partition}"]`);
    expect(statements).toContain(`"dynamodb:LeadingKeys":["${keys.remediation({ accountId: '<account>', region: '<region>' }, 'any').partition}"]`);
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
    def update_item(self, **words): written.update({'expression': words['UpdateExpression'], 'value': words['ExpressionAttributeValues'][':value']})
class Attr:
    def __init__(self, name): pass
    def eq(self, value): return value
boto3 = types.ModuleType('boto3'); boto3.resource = lambda name: types.SimpleNamespace(Table=lambda name: Table())
conditions = types.ModuleType('boto3.dynamodb.conditions'); conditions.Attr = Attr
sys.modules.update({'boto3': boto3, 'boto3.dynamodb': types.ModuleType('boto3.dynamodb'), 'boto3.dynamodb.conditions': conditions})
scope = {}
exec(${JSON.stringify(script)}, scope)
try:
    answer = scope['handler']({'table': 't', 'pk': 'p', 'sk': 'rem-1', 'by': 'console', 'reason': 'checked', 'writeId': 'w'}, None)
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
});
