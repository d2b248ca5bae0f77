import { beforeEach, describe, expect, it } from 'vitest';
import type { ImageReader } from '../../core/remediation/ports.ts';
import type { PreflightReader } from '../../core/remediation/preflight/preflight-ports.ts';

/*
 * What is asked before a launch, in memory and behind the AWS adapters alike. Where the emulator (moto with the overlay) is not AWS:
 *
 * - moto's images do not say whether ENA is enabled; the overlay says yes for all. On AWS it is said of images that are registered with it
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html).
 * - moto boots every image by UEFI and calls its root `standard`; on AWS images may have no boot mode
 *   (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html).
 * - moto's snapshots of encrypted volumes name no key; on AWS they do (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html).
 *   That the key is read is proven in test/aws/fleet/preflight.test.ts.
 * - moto checks no permissions and no key policies, so nothing is ever denied
 *   (https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).
 * - moto's offerings are those of a day in the past; on AWS a zone may offer more or fewer by now
 *   (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html).
 */

export interface PreflightUnderTest {
  readonly preflight: PreflightReader;
  readonly images: ImageReader;
  readonly imageId: string;
  readonly availabilityZone: string;
  /** One with free addresses. */
  readonly subnetId: string;
  /** A type that EC2 has, and no zone of this test offers. */
  readonly notOffered: string;
  /** In this state; gives its id. */
  addKey(state: 'Enabled' | 'Disabled' | 'PendingDeletion'): Promise<string>;
  absentKey(): string;
}

export function describePreflight(title: string, create: () => PreflightUnderTest): void {
  let fleet: PreflightUnderTest;
  beforeEach(() => {
    fleet = create();
  });

  const snapshotsOfImage = async (): Promise<readonly string[]> => (await fleet.images.describe(fleet.imageId))?.snapshotIds ?? [];

  describe(`${title}: before a launch`, () => {
    it('an image says what it is made of', async () => {
      const image = await fleet.images.describe(fleet.imageId);
      expect(image).toMatchObject({ state: 'available', architecture: 'x86_64', virtualizationType: 'hvm', isEnaEnabled: true, rootDeviceType: 'ebs' });
      expect(image?.rootSizeGiB).toBeGreaterThan(0);
      expect(image?.snapshotIds).toHaveLength(1);
      expect(image?.ownerId).toMatch(/^\d{12}$/);
    });

    it('a type says what it takes, and one that does not exist is missing', async () => {
      const types = await fleet.preflight.instanceTypes(['t3.micro']);
      expect(types).toEqual([
        {
          instanceType: 't3.micro',
          architectures: ['x86_64'],
          bootModes: ['legacy-bios', 'uefi'],
          virtualizationTypes: ['hvm'],
          rootDeviceTypes: ['ebs'],
          enaSupport: 'required',
        },
      ]);
      expect(await fleet.preflight.instanceTypes([])).toEqual([]);
    });

    it('a zone says which types it offers', async () => {
      expect(await fleet.preflight.offeredTypes(['t3.micro', fleet.notOffered], fleet.availabilityZone)).toEqual(['t3.micro']);
      expect(await fleet.preflight.offeredTypes([fleet.notOffered], fleet.availabilityZone)).toEqual([]);
      expect(await fleet.preflight.offeredTypes([], fleet.availabilityZone)).toEqual([]);
    });

    it('the snapshots of an image exist, and absent ones are missing', async () => {
      const [snapshotId = ''] = await snapshotsOfImage();
      expect(await fleet.preflight.snapshots([snapshotId])).toMatchObject([{ snapshotId, state: 'completed' }]);
      expect(await fleet.preflight.snapshots([])).toEqual([]);
    });

    it.each(['Enabled', 'Disabled', 'PendingDeletion'] as const)('a key says that it is %s', async (state) => {
      expect(await fleet.preflight.keyState(await fleet.addKey(state))).toBe(state);
    });

    it('a key that does not exist is none', async () => {
      expect(await fleet.preflight.keyState(fleet.absentKey())).toBeUndefined();
    });

    it('a subnet says how many addresses are free; an absent one is none', async () => {
      expect(await fleet.preflight.freeAddresses(fleet.subnetId)).toBeGreaterThan(0);
    });
  });
}
