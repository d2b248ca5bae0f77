import { expect, it } from 'vitest';
import { addSeconds } from '../../../../core/environment/time.ts';
import { keys } from '../../../../core/records/keys.ts';
import { declarationWrite, readDeclaration } from '../../../../core/remediation/admission/declaration.ts';
import { VirtualClock } from '../../../../sim/deterministic.ts';
import { MemoryRecordStore } from '../../../../sim/memory-record-store.ts';
import { NOW } from '../builders.ts';
import { testScope, webPolicy, webSystem } from '../world.ts';

const declared = { claimedAt: NOW, system: webSystem(), policy: webPolicy() };

it('what the catalog declared at the claim is written once, and kept for 30 days', () => {
  expect(declarationWrite(testScope, 'rem-1', declared)).toEqual({
    key: keys.declaration(testScope, 'rem-1'),
    expectedVersion: 0,
    body: declared,
    expiresAt: addSeconds(NOW, 30 * 86_400),
  });
});

it('what was kept is read back without windows, which matter before the claim only; of what was never kept there is none', async () => {
  const store = new MemoryRecordStore(new VirtualClock(NOW));
  await store.write([declarationWrite(testScope, 'rem-1', declared)]);
  expect(await readDeclaration({ store, scope: testScope }, 'rem-1')).toEqual({ system: webSystem(), policy: webPolicy(), windows: [] });
  expect(await readDeclaration({ store, scope: testScope }, 'rem-2')).toBeUndefined();
});
