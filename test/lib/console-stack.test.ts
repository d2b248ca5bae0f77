import { describe, expect, it } from 'vitest';
import { keys } from '../../core/records/keys.ts';
import { pauseSchema } from '../../core/remediation/record.ts';
import { parseTemplate, resourcesOf, synthesise } from './template.ts';

const template = parseTemplate(synthesise().console.template);
const documents = resourcesOf(template, 'AWS::SSM::Document').map(([, { Properties }]) => Properties);
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
  it('is Perennial-Pause and Perennial-Resume', () => {
    expect(documents.map(({ Name, DocumentType }) => [Name, DocumentType])).toEqual([
      ['Perennial-Pause', 'Automation'],
      ['Perennial-Resume', 'Automation'],
    ]);
  });

  it.each([
    ['Perennial-Pause', true],
    ['Perennial-Resume', false],
  ])('%s writes the switch that the guardrails read', (name, isPaused) => {
    const content = printed(documents.find(({ Name }) => Name === name)?.['Content']);
    expect(content).toContain(`"Key":{"pk":{"S":"${partition}"},"sk":{"S":"${sort}"}}`);
    expect(content).toContain(`"isPaused":{"BOOL":${isPaused}}`);
    for (const field of Object.keys(pauseSchema.shape)) expect(content).toContain(`"${field}":{`);
    expect(content).toContain('SET #version = if_not_exists(#version, :none) + :one');
  });

  it('needs a reason (S1-21)', () => {
    for (const { Content } of documents)
      expect(Content).toMatchObject({ parameters: { Reason: { allowedPattern: '^.{3,200}$' }, Target: { default: 'global' } } });
    expect(JSON.stringify(documents)).not.toContain('"Reason":{"type":"String","default"');
  });

  it('its role writes pause switches and nothing else', () => {
    const [policy] = resourcesOf(template, 'AWS::IAM::Policy');
    const statements = printed(policy?.[1].Properties['PolicyDocument']);
    expect(statements).toContain('"Action":"dynamodb:UpdateItem"');
    expect(statements).toContain(`"dynamodb:LeadingKeys":["${partition}"]`);
    expect(statements.match(/"Action"/g)).toHaveLength(1);
  });
});
