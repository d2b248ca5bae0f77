import { VirtualClock } from '../../sim/deterministic.ts';
import { SimulatedRegion } from '../../sim/simulated-region.ts';
import { type AttachmentsUnderTest, describeAttachments } from './attachments.contract.ts';

const clock = new VirtualClock('2026-11-21T09:00:00.000Z');

function create(): AttachmentsUnderTest {
  const region = new SimulatedRegion(clock);
  region.addImage('ami-1');
  let count = 0;
  const unique = (prefix: string): string => {
    count += 1;
    return `${prefix}-${count}`;
  };
  return {
    ports: region.attachments,
    instances: region.instances,
    captures: region.captures,
    power: region.power,
    zoneName: 'contract.example.com',
    addInstance: async () => {
      const instanceId = unique('i');
      region.addInstance({ instanceId, imageId: 'ami-1', tags: {}, launchedAt: clock.now() });
      return instanceId;
    },
    addVolume: async (instanceId) => {
      const volumeId = unique('vol');
      region.attachments.give(instanceId, { volumes: [{ volumeId, deviceName: '/dev/sdf' }] });
      return volumeId;
    },
    addInterface: async (instanceId) => {
      const networkInterfaceId = unique('eni');
      region.attachments.give(instanceId, { interfaces: [{ networkInterfaceId, deviceIndex: 1, privateIpAddresses: ['10.0.1.1'] }] });
      return { networkInterfaceId, privateIpAddress: '10.0.1.1' };
    },
    addSecondaryAddress: async (instanceId) => {
      region.attachments.give(instanceId, { secondaryPrivateIpAddresses: ['10.0.0.200'] });
      return '10.0.0.200';
    },
    addElasticIp: async (instanceId) => {
      const allocationId = unique('eipalloc');
      region.attachments.give(instanceId, { elasticIps: [{ allocationId, publicIpAddress: '198.51.100.1' }] });
      return { allocationId, publicIpAddress: '198.51.100.1' };
    },
    addRecord: async (name, values) => {
      region.attachments.give('nobody', { records: [{ zoneName: 'contract.example.com', name, type: 'A', values }] });
    },
    pass: async () => void clock.advance(5),
    unique,
  };
}

describeAttachments('SimulatedAttachments', create);
