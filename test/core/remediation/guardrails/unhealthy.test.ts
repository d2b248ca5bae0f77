import { expect, it } from 'vitest';
import { isTroubleOf } from '../../../../core/remediation/guardrails/unhealthy.ts';
import { NOW } from '../builders.ts';

const own = { slotId: 'shop-web/1', at: NOW };
const ofMember = { ...own, instanceId: 'i-1' };

it.each([
  ['its own', own, { id: 'shop-web/1' }, true],
  ['that of another slot', own, { id: 'shop-web/2' }, false],
  ['that of one of its members, when no member is meant', ofMember, { id: 'shop-web/1' }, true],
  ['that of the member that is meant', ofMember, { id: 'shop-web/1', memberId: 'i-1' }, true],
  ['that of another member', ofMember, { id: 'shop-web/1', memberId: 'i-2' }, false],
  ['that of nobody in particular, when a member is meant', own, { id: 'shop-web/1', memberId: 'i-2' }, true],
  ['that of its member in another slot', ofMember, { id: 'shop-web/2', memberId: 'i-1' }, false],
] as const)('the trouble of a slot is %s', (_what, trouble, slot, isIts) => {
  expect(isTroubleOf(trouble, slot)).toBe(isIts);
});
