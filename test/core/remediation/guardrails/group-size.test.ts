import { expect, it } from 'vitest';
import { membersOf } from '../../../../core/remediation/guardrails/group-size.ts';

const systemOf = (membersByRole: Readonly<Record<string, number>>) => ({ observed: { instanceIds: [], imageIds: [], zones: [], membersByRole } });

it.each([
  ['a group of three', systemOf({ web: 3, worker: 7 }), 3],
  ['a group that has lost its last member', systemOf({ web: 0, worker: 7 }), 1],
  ['a role that the sweep has not seen', systemOf({ worker: 7 }), 1],
  ['a system that was never swept', undefined, 1],
] as const)('%s counts as so many members, at least one', (_what, system, members) => {
  expect(membersOf('shop-web/web', system)).toBe(members);
});
