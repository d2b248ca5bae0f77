import type { Capture } from '../surroundings/capture.ts';
import { keptWords } from '../preflight/reachability.ts';

/** What a replacement keeps of the old instance, in words: for the plan, and for who is asked to approve it. */
export function keptOf(capture: Capture | undefined): readonly string[] {
  if (capture === undefined) return [];
  return [
    'instance type',
    'subnet and zone',
    'security groups',
    'instance profile',
    'tags',
    'user data (by hash)',
    'metadata options',
    ...keptWords(capture),
    ...capture.targets.map((target) => `target group ${target.targetGroupName}:${target.port}`),
  ];
}
