import { describe, expect, it } from 'vitest';
import { composeDriftMessage } from '../../../../core/incidents/messages/drift.ts';
import { type CodeOwner, codeOwnerOf, driftAdvice } from '../../../../core/remediation/surroundings/code-owner.ts';
import { remediationOf } from '../builders.ts';
import { createWorld, OLD, play, startOld, webTarget } from '../world.ts';

describe('who describes an instance as code', () => {
  it.each<readonly [tags: Readonly<Record<string, string>>, owner: CodeOwner | undefined]>([
    [
      { 'aws:cloudformation:stack-name': 'shop', 'aws:cloudformation:logical-id': 'Web3' },
      { tool: 'CloudFormation', reference: 'stack shop, logical id Web3' },
    ],
    [{ 'aws:cloudformation:stack-name': 'shop' }, { tool: 'CloudFormation', reference: 'stack shop' }],
    [{ ManagedBy: 'Terraform' }, { tool: 'Terraform', reference: 'no workspace or address in its tags' }],
    [
      { terraform: 'true', 'terraform:address': 'aws_instance.web[2]' },
      { tool: 'Terraform', reference: 'address aws_instance.web[2]' },
    ],
    [
      { tf_workspace: 'prod', 'aws:cloudformation:stack-name': 's' },
      { tool: 'CloudFormation', reference: 'stack s' },
    ],
    [{ tf_workspace: 'prod' }, { tool: 'Terraform', reference: 'workspace prod' }],
    [
      { 'terraform:workspace': 'prod', 'terraform:resource': 'aws_instance.web' },
      { tool: 'Terraform', reference: 'workspace prod, address aws_instance.web' },
    ],
    [{ 'Terraform-Workspace': 'stage' }, { tool: 'Terraform', reference: 'workspace stage' }],
    [{ 'terraform-address': 'aws_instance.db' }, { tool: 'Terraform', reference: 'address aws_instance.db' }],
    ...['managed-by', 'managedby', 'managed_by', 'Provisioner', 'CreatedBy', 'created-by'].map(
      (key) => [{ [key]: 'TERRAFORM' }, { tool: 'Terraform', reference: 'no workspace or address in its tags' }] as const,
    ),
    [{ Terraform: 'True' }, { tool: 'Terraform', reference: 'no workspace or address in its tags' }],
    [{ 'aws:cloudformation:logical-id': 'Web3' }, undefined],
    [{ Name: 'web', ManagedBy: 'hand', terraform: 'false' }, undefined],
    [{}, undefined],
  ])('of tags %j is %j', (tags, owner) => {
    expect(codeOwnerOf(tags)).toEqual(owner);
  });

  it('is told what to do so that neither tool undoes the replacement', () => {
    expect(driftAdvice).toEqual({
      CloudFormation:
        'Import the new instance into the stack, or remove the resource with DeletionPolicy Retain, before the next update: an update would see the old one as it is.',
      Terraform:
        'Run "terraform state rm" for the old instance and "terraform import" for the new one before the next apply: an apply would start or recreate the old one.',
    });
  });

  it('is told once which instance took the place, and what to do before the next apply', () => {
    const remediation = { ...remediationOf({}, { imageId: 'ami-v2' }), newInstanceId: 'i-new' };
    const { text, subject } = composeDriftMessage(remediation, { tool: 'Terraform', reference: 'workspace prod' });
    expect(subject.length).toBeLessThanOrEqual(100);
    expect(text).toMatch(/i-new replaced i-0000000000000001.*\n[^]*workspace prod[^]*terraform import/);
  });
});

describe('a replacement of an instance that a stack describes', () => {
  it('sends a drift notice beside the recovery, and none where nobody describes it', async () => {
    for (const tags of [{ 'aws:cloudformation:stack-name': 'shop' }, {}]) {
      const world = createWorld();
      world.region.addInstance({
        instanceId: OLD,
        imageId: 'ami-v1',
        tags: { 'perennial:system': 'shop-web', 'perennial:role': 'web', ...tags },
        launchedAt: '2026-11-20T09:00:00.000Z',
        targets: [webTarget],
      });
      world.region.setTargetUnhealthy(OLD, true);
      await play(world, await startOld(world));
      const drift = world.sent.filter(({ data }) => data['step'] === 'drift');
      expect(drift.map(({ data }) => data['oldInstanceId'])).toEqual(Object.keys(tags).length === 0 ? [] : [OLD]);
    }
  });
});
