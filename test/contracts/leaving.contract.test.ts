import { PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createQuarantineKeeper } from '../../aws/fleet/quarantine-keeper.ts';
import { createLeavingDesk } from '../../cli/leaving-desk.ts';
import type { LeavingDesk } from '../../cli/target.ts';
import { planLeaving } from '../../cli/uninstall-plan.ts';
import { createMotoFleet, type MotoFleet, unique } from './fleet-on-moto.ts';

const { region, fleetEndpoint, controlEndpoint } = inject('localAws');
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

describe('leaving the local AWS', () => {
  let moto: MotoFleet;
  let desk: LeavingDesk;

  beforeAll(async () => {
    moto = await createMotoFleet('leaving');
    desk = createLeavingDesk({ region, credentials, endpoint: fleetEndpoint }, { region, credentials, endpoint: controlEndpoint });
  });

  afterAll(async () => {
    await moto.end();
  });

  async function putClone(instanceId: string): Promise<string> {
    const AlarmName = `${unique('leaving')}--${instanceId}`;
    await moto.clients.cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName,
        Namespace: 'Contract',
        MetricName: 'Failed',
        Dimensions: [{ Name: 'InstanceId', Value: instanceId }],
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        Tags: [{ Key: 'perennial:alarm-of', Value: 'leaving' }],
      }),
    );
    return AlarmName;
  }

  it('finds what was left and takes it away or hands it over; then finds it no more', async () => {
    const remediation = { 'perennial:remediation': unique('rem') };
    const serving = await moto.addInstance(moto.imageIds[0], { ...remediation, 'perennial:system': 'shop-web' });
    const kept = await moto.addInstance(moto.imageIds[0], { ...remediation, 'perennial:quarantine': 'inc-1', 'perennial:hold': 'kim' });
    const vpcId = (await desk.find()).launched.find(({ instanceId }) => instanceId === kept)?.vpcId ?? '';
    const { securityGroupId } = await createQuarantineKeeper(moto.clients.ec2).isolate(kept, vpcId);
    const [watching, orphaned] = [await putClone(serving), await putClone('i-0ffffffffffffffff')];

    const plan = planLeaving({ ...(await desk.find()), tableName: 'table' }, false);
    const own = new Set([serving, kept, watching, orphaned, securityGroupId]);
    const items = plan.filter(({ id }) => own.has(id));
    expect(Object.fromEntries(items.map(({ id, action }) => [id, action]))).toEqual({
      [serving]: 'untag-instance',
      [kept]: 'untag-instance',
      [watching]: 'untag-alarm',
      [orphaned]: 'delete-alarm',
      [securityGroupId]: 'delete-group',
    });
    for (const item of items.filter(({ action }) => action !== 'delete-group')) await desk.carryOut(item);
    for (const item of items.filter(({ action }) => action !== 'delete-group')) await desk.carryOut(item);

    const left = planLeaving({ ...(await desk.find()), tableName: 'table' }, false).map(({ id }) => id);
    expect(left.filter((id) => own.has(id))).toEqual([securityGroupId]);
    expect((await desk.find()).launched.map(({ instanceId }) => instanceId)).not.toContain(serving);
  });
});
