import { expect, it } from 'vitest';
import { systemSchema } from '../../../core/catalog/schema.ts';
import { createWorld, OLD, play, readRemediation, startOld, type World, webSystem } from './world.ts';

it('lets the dashboards that a system declares follow the replacement', async () => {
  const declared = webSystem();
  const system = systemSchema.parse({ ...declared, spec: { ...declared.spec, dashboards: ['shop', 'not-there'] } });
  const world: World = { ...createWorld(), system };
  world.region.putDashboard('shop', `{"instance":"${OLD}"}`);
  const remediationId = await startOld(world);
  await play(world, remediationId);
  const record = await readRemediation(world, remediationId);
  expect(record.newInstanceId).toBeDefined();
  expect(world.region.dashboardBody('shop')).toBe(`{"instance":"${record.newInstanceId}"}`);
  expect(record.phases.find(({ name }) => name === 'transfer-alarms')?.reason).toContain('the dashboard shop');
});
