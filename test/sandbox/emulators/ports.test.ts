import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { assertPortsAreFree, freePortPlan, portPlan } from '../../../sandbox/emulators/ports.ts';

describe('portPlan', () => {
  it('takes three ports in a row', () => {
    expect(portPlan(4600)).toEqual({ ministack: 4600, overlay: 4601, moto: 4602 });
  });

  it.each([0, 80, 4600.5, 65_534, Number.NaN])('refuses %s and says what to type', (base) => {
    expect(() => portPlan(base)).toThrow(/npm start -- --port-base/);
  });
});

it('names a busy port and a base that is free', async () => {
  const { ministack } = await freePortPlan();
  const base = Math.min(ministack, 65_000) - 1;
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(base + 1, '127.0.0.1', resolve);
  });
  const refusal = await assertPortsAreFree(base).then(
    () => '',
    (error: unknown) => String(error),
  );
  server.close();
  expect(refusal).toMatch(/Port \d+, wanted for .+, is in use/);
  const suggested = Number(/--port-base (\d+)/.exec(refusal)?.[1]);
  expect(await assertPortsAreFree(suggested)).toEqual(portPlan(suggested));
});
