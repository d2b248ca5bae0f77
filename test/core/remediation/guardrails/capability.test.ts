import { describe, expect, it } from 'vitest';
import { capabilityRows, type ReplacementFacts, replacementRowOf } from '../../../../core/remediation/guardrails/capability.ts';
import { instanceFacts, plainCapability } from '../builders.ts';

const factsOf = (changes: Partial<ReplacementFacts> = {}): ReplacementFacts => ({
  instance: instanceFacts(),
  isGroupMember: false,
  isFenced: false,
  capability: plainCapability,
  ...changes,
});
const instanceStore = { instance: instanceFacts({ rootDeviceType: 'instance-store' }) };

describe('what an instance is, as far as it may be replaced', () => {
  it.each([
    ['On-Demand with an EBS root', 'pass', {}],
    ['On-Demand with an EBS root', 'pass', { isFenced: true }],
    ['On-Demand with an EBS root', 'pass', { capability: undefined }],
    ['group member', 'pass', { isGroupMember: true }],
    ['group member', 'pass', { isGroupMember: true, instance: instanceFacts({ lifecycle: 'spot' }) }],
    ['gone', 'pass', { instance: undefined, capability: undefined }],
    ['Spot Instance on its own', 'veto', { instance: instanceFacts({ lifecycle: 'spot' }) }],
    ['instance-store root', 'approve', instanceStore],
    ['instance-store root, one at a time', 'veto', { ...instanceStore, isFenced: true }],
    ['stop protection', 'veto', { capability: { ...plainCapability, isStopProtected: true } }],
    ['stop protection', 'veto', { capability: { ...plainCapability, isStopProtected: true, isTerminationProtected: true } }],
    ['termination protection', 'pass', { capability: { ...plainCapability, isTerminationProtected: true } }],
  ] satisfies readonly (readonly [string, string, Partial<ReplacementFacts>])[])('is "%s": %s (%#)', (kind, verdict, changes) => {
    expect(replacementRowOf(factsOf(changes))).toMatchObject({ kind, verdict });
  });

  it('says in every row what is kept, what is not, why, and who says so', () => {
    for (const { keeps, cannotKeep, reason, authority } of capabilityRows) {
      expect([keeps, cannotKeep, reason].every((text) => text.length > 10)).toBe(true);
      expect(authority).toMatch(/^(https:\/\/docs\.aws\.amazon\.com\/|design\.md section 7, )/);
    }
  });
});
