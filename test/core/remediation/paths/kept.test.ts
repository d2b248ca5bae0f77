import { describe, expect, it } from 'vitest';
import { keptOf } from '../../../../core/remediation/paths/kept.ts';
import { keptRootCall } from '../../../../core/remediation/paths/kept-root.ts';
import { createWorld, OLD, webTarget } from '../world.ts';

const plain = ['instance type', 'subnet and zone', 'security groups', 'instance profile', 'tags', 'user data (by hash)', 'metadata options'];

describe('what a replacement keeps, in words', () => {
  it('is nothing where no capture of the instance is known', () => {
    expect(keptOf(undefined)).toEqual([]);
  });

  it('is what every launch gets, then what moves, then the target groups with their ports', async () => {
    const { region, clock } = createWorld();
    region.attachments.give(OLD, { elasticIps: [{ allocationId: 'eipalloc-1', publicIpAddress: '198.51.100.1' }] });
    const capture = await region.captures.capture(OLD, [webTarget.targetGroupName], clock.now());
    if (capture === undefined) throw new Error('the instance is there');
    const targets = [webTarget, { ...webTarget, targetGroupName: 'shop-admin', port: 8080 }];
    expect(keptOf({ ...capture, targets })).toEqual([
      ...plain,
      'the Elastic IP address 198.51.100.1',
      'target group shop-web:80',
      'target group shop-admin:8080',
    ]);
    expect(keptOf({ ...capture, targets: [], elasticIps: [] })).toEqual(plain);
  });
});

describe('the call that tags a root volume which was replaced', () => {
  it('is named by the volume: the reaper finds it in the record by that name', () => {
    expect(keptRootCall('vol-root')).toBe('keep-root:vol-root');
  });
});
