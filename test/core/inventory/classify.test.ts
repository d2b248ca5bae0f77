import { describe, expect, it } from 'vitest';
import { classify, groupIdOf, slotIdOf } from '../../../core/inventory/classify.ts';
import { instanceFacts } from '../remediation/builders.ts';

const systems = new Set(['shop-web']);
const tagged = (tags: Readonly<Record<string, string>>) => instanceFacts({ tags });

describe('what an instance is to us', () => {
  it.each([
    ['no tag at all (S0-01)', {}, { status: 'unknown', reason: 'It matches no system of the catalog' }],
    ['a declared system', { 'perennial:system': 'shop-web' }, { status: 'managed', system: 'shop-web', reason: 'Tagged perennial:system=shop-web' }],
    ['a system nobody declares', { 'perennial:system': 'shop-old' }, { status: 'unknown', reason: 'It is tagged for shop-old, which is not in the catalog' }],
    ['an EKS node', { 'eks:cluster-name': 'prod' }, { status: 'elsewhere', reason: 'Managed by EKS' }],
    ['a node of a cluster', { 'kubernetes.io/cluster/prod': 'owned' }, { status: 'elsewhere', reason: 'Managed by Kubernetes' }],
    ['an EMR node', { 'aws:elasticmapreduce:job-flow-id': 'j-1' }, { status: 'elsewhere', reason: 'Managed by EMR' }],
    ['a Batch host', { 'aws:batch:compute-environment': 'ce' }, { status: 'elsewhere', reason: 'Managed by Batch' }],
    [
      'an EKS node that somebody opted in',
      { 'eks:cluster-name': 'prod', 'perennial:system': 'shop-web' },
      { status: 'managed', system: 'shop-web', reason: 'Tagged perennial:system=shop-web' },
    ],
    [
      'in quarantine, whatever else',
      { 'perennial:quarantine': 'inc-1', 'perennial:system': 'shop-web' },
      { status: 'quarantined', system: 'shop-web', reason: 'Kept for incident inc-1' },
    ],
    ['in quarantine without a system', { 'perennial:quarantine': 'inc-1' }, { status: 'quarantined', reason: 'Kept for incident inc-1' }],
  ] as const)('%s', (_what, tags, expected) => {
    expect(classify(tagged(tags), systems)).toEqual(expected);
  });

  it('gives an instance the slot of its tag, else one named after it', () => {
    expect(slotIdOf(instanceFacts({ tags: { 'perennial:slot': 'shop-web/a' } }), 'shop-web')).toBe('shop-web/a');
    expect(slotIdOf(instanceFacts({ tags: {} }), 'shop-web')).toBe('shop-web/i-0000000000000001');
    expect(groupIdOf('shop-web', 'web')).toBe('shop-web/web');
  });
});
