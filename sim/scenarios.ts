import type { FaultKind } from './faults.ts';
import type { StageSize } from './stage.ts';

/** A kind of bad day: how large the world is, and how often each fault happens in it. To add one: a row; each run draws one by seed. */
export interface Scenario {
  readonly size: StageSize;
  /** Out of 100 runs. */
  readonly share: number;
  /** How many faults are planned; at least 20 must take place. */
  readonly plannedFaults: number;
  /** Faults that surely happen, beside those drawn by weight. */
  readonly always: readonly FaultKind[];
  readonly weights: Readonly<Partial<Record<FaultKind, number>>>;
}

const usual: StageSize = { multipleSystems: 9, fewestMembers: 5, mostMembers: 12, singleSystems: 22, foreignInstances: 14 };

/** At least a hundred instances, without the special ones. */
const small: StageSize = { multipleSystems: 5, fewestMembers: 5, mostMembers: 8, singleSystems: 40, foreignInstances: 36 };

/**
 * What goes wrong around the repairs costs little to play; each trouble costs a repair, which is most of a run's time. So a few troubles meet
 * many of these: that is where the rules are tried hardest, and 10,000 runs stay a matter of two minutes.
 */
const platformFaults = {
  crash: 12,
  'crash-after-harm': 5,
  overlap: 6,
  'clock-skew': 5,
  duplicate: 8,
  delay: 5,
  reorder: 4,
  lost: 1,
  throttling: 3,
  'publisher-down': 3,
  'eventual-consistency': 5,
} as const;

export const scenarios = {
  mixed: {
    size: { ...usual, keptSystems: 2, ladderSystems: 2, groupedSystems: 1, windowedSystems: 1 },
    share: 26,
    plannedFaults: 27,
    always: ['trouble', 'odd-trouble'],
    weights: {
      ...platformFaults,
      trouble: 3,
      'lone-trouble': 2,
      'odd-trouble': 2,
      'foreign-trouble': 2,
      capacity: 2,
      'stuck-stop': 3,
      'bad-image': 2,
      'new-image': 3,
      'image-gone': 2,
      'sick-replacement': 4,
      'replacement-dies': 3,
      pause: 3,
      freeze: 1,
      approve: 3,
      abort: 1,
      deploy: 2,
      'terminated-by-hand': 3,
      'stopped-by-hand': 2,
      hold: 3,
      protect: 2,
      'group-trouble': 1,
      'wrong-alarm': 1,
      'kept-trouble': 1,
      'ladder-trouble': 1,
      'member-trouble': 1,
      'replace-by-hand': 1,
      'revert-by-hand': 2,
      drill: 1,
      'execution-lost': 1,
      'approve-late': 1,
    },
  },
  'zone-loss': {
    size: { multipleSystems: 8, fewestMembers: 9, mostMembers: 13, singleSystems: 20, foreignInstances: 14 },
    share: 9,
    plannedFaults: 32,
    always: ['zone-loss', 'capacity'],
    weights: { ...platformFaults, trouble: 2, 'stuck-stop': 3, 'sick-replacement': 3, hold: 3 },
  },
  'wrong-alarm': {
    size: usual,
    share: 7,
    plannedFaults: 30,
    always: ['wrong-alarm', 'wrong-alarm'],
    weights: { ...platformFaults, trouble: 2, 'lone-trouble': 2, 'group-trouble': 1, 'stuck-stop': 2, hold: 2 },
  },
  'bad-image': {
    size: usual,
    share: 8,
    plannedFaults: 29,
    always: ['bad-image', 'bad-image', 'trouble', 'group-trouble'],
    weights: { ...platformFaults, trouble: 4, 'lone-trouble': 3, 'new-image': 4, 'image-gone': 4 },
  },
  'single-machine-storm': {
    size: { multipleSystems: 5, fewestMembers: 5, mostMembers: 8, singleSystems: 60, foreignInstances: 15 },
    share: 12,
    plannedFaults: 29,
    always: ['lone-trouble', 'lone-storm'],
    weights: { ...platformFaults, 'lone-trouble': 8, 'sick-replacement': 5, 'stuck-stop': 5, capacity: 2 },
  },
  'deploys-and-pauses': {
    size: usual,
    share: 15,
    plannedFaults: 31,
    always: ['deploy', 'pause', 'pause', 'trouble', 'lone-trouble'],
    weights: {
      ...platformFaults,
      trouble: 8,
      'lone-trouble': 5,
      deploy: 5,
      pause: 9,
      freeze: 4,
      approve: 4,
      abort: 4,
      hold: 3,
      'terminated-by-hand': 3,
      'stopped-by-hand': 3,
    },
  },
  'large-fleet': {
    size: { multipleSystems: 12, fewestMembers: 20, mostMembers: 36, singleSystems: 40, foreignInstances: 40 },
    share: 1,
    plannedFaults: 30,
    always: ['group-trouble', 'wrong-alarm'],
    weights: { ...platformFaults, trouble: 6, 'lone-trouble': 3, 'odd-trouble': 3, 'group-trouble': 2 },
  },
  'data-and-addresses': {
    size: { ...small, keptSystems: 14 },
    share: 4,
    plannedFaults: 28,
    always: ['kept-trouble', 'kept-trouble', 'sick-replacement'],
    weights: {
      ...platformFaults,
      'kept-trouble': 5,
      'sick-replacement': 7,
      'replacement-dies': 4,
      'stuck-stop': 3,
      'revert-by-hand': 9,
      abort: 3,
      pause: 2,
      'bad-image': 2,
      'terminated-by-hand': 1,
    },
  },
  'failing-hosts': {
    size: { ...small, ladderSystems: 12 },
    share: 4,
    plannedFaults: 29,
    always: ['ladder-trouble', 'ladder-trouble', 'ladder-trouble'],
    weights: { ...platformFaults, 'ladder-trouble': 6, 'sick-replacement': 3, abort: 2, pause: 3, freeze: 1 },
  },
  'scaling-groups': {
    size: { ...small, groupedSystems: 6 },
    share: 4,
    plannedFaults: 29,
    always: ['member-trouble', 'member-trouble', 'group-heals', 'instance-refresh'],
    weights: {
      ...platformFaults,
      'member-trouble': 5,
      'group-heals': 3,
      'instance-refresh': 5,
      'group-cannot-launch': 5,
      'template-gone': 4,
      abort: 2,
      pause: 2,
      'terminated-by-hand': 1,
    },
  },
  approvals: {
    size: { ...small, keptSystems: 6, ladderSystems: 6, groupedSystems: 1, askingPercent: 75 },
    share: 4,
    plannedFaults: 31,
    always: ['kept-trouble', 'ladder-trouble', 'odd-trouble'],
    weights: { ...platformFaults, 'kept-trouble': 5, 'ladder-trouble': 5, 'member-trouble': 2, 'odd-trouble': 4, approve: 12, 'approve-late': 12 },
  },
  maintenance: {
    size: { ...usual, windowedSystems: 14 },
    share: 2,
    plannedFaults: 28,
    always: ['trouble', 'trouble', 'lone-trouble', 'replace-by-hand'],
    weights: { ...platformFaults, trouble: 6, 'lone-trouble': 3, 'replace-by-hand': 2, hold: 2 },
  },
  'by-hand': {
    size: { ...small, keptSystems: 2, windowedSystems: 2 },
    share: 4,
    plannedFaults: 31,
    always: ['replace-by-hand', 'drill', 'trouble'],
    weights: {
      ...platformFaults,
      'replace-by-hand': 5,
      'revert-by-hand': 14,
      drill: 5,
      trouble: 3,
      'lone-trouble': 3,
      'sick-replacement': 5,
      abort: 5,
      pause: 2,
      freeze: 2,
      'execution-lost': 4,
      'left-behind': 4,
      'quarantine-touched': 4,
      'false-quarantine': 4,
    },
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames: readonly ScenarioName[] = Object.keys(scenarios).filter(isScenarioName);

export function isScenarioName(name: string): name is ScenarioName {
  return Object.hasOwn(scenarios, name);
}
