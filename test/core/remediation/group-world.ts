import { recordFiring } from '../../../core/incidents/incidents.ts';
import { tagKeys } from '../../../core/inventory/records.ts';
import type { RecordStore } from '../../../core/records/store.ts';
import { admit } from '../../../core/remediation/admission/admit.ts';
import type { GroupSeed } from '../../../sim/simulated-groups.ts';
import { createWorld, testHasher, testScope, unhealthySignal, webTarget, type World, type Wrap } from './world.ts';

export const GROUP = 'shop-web-asg';
export const MEMBER = 'i-member-a1';
export const memberSlotId = `shop-web/${GROUP}/eu-central-1a`;

const tags = { [tagKeys.system]: 'shop-web', [tagKeys.role]: 'web' };

/** A group of three over two zones; the first member's target fails. */
export function groupWorld(spec: Readonly<Record<string, unknown>> = {}, topology: 'multiple' | 'single' = 'multiple', group: Partial<GroupSeed> = {}): World {
  const world = createWorld(topology, spec);
  const { region } = world;
  region.groups.addGroup({ name: GROUP, imageId: 'ami-v2', zones: ['eu-central-1a', 'eu-central-1b'], targets: [webTarget], memberTags: tags, ...group });
  for (const [instanceId, availabilityZone] of [
    [MEMBER, 'eu-central-1a'],
    ['i-member-a2', 'eu-central-1a'],
    ['i-member-b1', 'eu-central-1b'],
  ] as const) {
    region.addInstance({
      instanceId,
      imageId: 'ami-v2',
      tags: { ...tags, [tagKeys.autoScalingGroup]: GROUP },
      launchedAt: '2026-11-20T09:00:00.000Z',
      availabilityZone,
      targets: [webTarget],
    });
  }
  region.setTargetUnhealthy('i-old', false);
  region.setTargetUnhealthy(MEMBER, true);
  return world;
}

/** Admits the repair of the failing member and expects a start. */
export async function admitMember(world: World, wrap: Wrap = (_name, port) => port): Promise<string> {
  const signal = unhealthySignal(world, MEMBER);
  const base = { store: wrap<RecordStore>('store', world.store), scope: testScope, clock: world.clock, hasher: testHasher };
  const place = `${memberSlotId}/${MEMBER}`;
  const { incident } = await recordFiring(base, { signal, fingerprint: signal.fingerprint, place, system: world.system, wasInInventory: true });
  const admission = await admit(
    { ...base, executions: { start: async () => undefined }, pageTimer: { arm: async () => undefined } },
    {
      system: world.system,
      policy: world.policy,
      incidentId: incident.id,
      slot: { id: memberSlotId, groupId: 'shop-web/web', instanceId: MEMBER, memberId: MEMBER },
      trigger: { kind: signal.kind, rule: signal.rule, fingerprint: signal.fingerprint, at: signal.at, summary: signal.summary },
      groupMembers: 6,
      systemsInCatalog: 2,
    },
  );
  if (admission.kind !== 'started') throw new Error(`not started: ${JSON.stringify(admission)}`);
  return admission.remediation.id;
}
