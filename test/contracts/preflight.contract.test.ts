import { CreateKeyCommand, DisableKeyCommand, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createImageReader } from '../../aws/fleet/images.ts';
import { createPreflightReader } from '../../aws/fleet/preflight.ts';
import { createMotoFleet, type MotoFleet } from './fleet-on-moto.ts';
import { describePreflight, type PreflightUnderTest } from './preflight.contract.ts';

const { region } = inject('localAws');

describe('on moto behind the overlay', () => {
  let moto: MotoFleet;

  beforeAll(async () => {
    moto = await createMotoFleet('preflight');
  });

  afterAll(async () => {
    await moto.end();
  });

  const addKey = async (state: 'Enabled' | 'Disabled' | 'PendingDeletion'): Promise<string> => {
    const { kms } = moto.clients;
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    // moto takes the id only, where AWS takes the ARN as well
    const KeyId = KeyMetadata?.KeyId ?? '';
    if (state === 'Disabled') await kms.send(new DisableKeyCommand({ KeyId }));
    if (state === 'PendingDeletion') await kms.send(new ScheduleKeyDeletionCommand({ KeyId }));
    return KeyMetadata?.Arn ?? '';
  };

  const create = (): PreflightUnderTest => {
    const { ec2, kms, ssm } = moto.clients;
    return {
      preflight: createPreflightReader(ec2, kms),
      images: createImageReader(ec2, ssm),
      imageId: moto.imageIds[1],
      availabilityZone: `${region}a`,
      subnetId: moto.subnetId,
      notOffered: 'm1.small',
      addKey,
      absentKey: () => `arn:aws:kms:${region}:123456789012:key/00000000-0000-4000-8000-000000000000`,
    };
  };

  describePreflight('the AWS adapters', create);

  it('has nothing of what does not exist', async () => {
    const preflight = createPreflightReader(moto.clients.ec2, moto.clients.kms);
    expect(await preflight.instanceTypes(['x9.none'])).toEqual([]);
    expect(await preflight.snapshots(['snap-0ffffffffffffffff'])).toEqual([]);
    expect(await preflight.freeAddresses('subnet-0ffffffffffffffff')).toBeUndefined();
  });
});
