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

const platformFaults = {
  crash: 12,
  'crash-after-harm': 5,
  overlap: 6,
  'clock-skew': 3,
  duplicate: 8,
  delay: 4,
  reorder: 3,
  lost: 2,
  throttling: 3,
  'publisher-down': 3,
  'eventual-consistency': 3,
} as const;

export const scenarios = {
  mixed: {
    size: { ...usual, keptSystems: 2, ladderSystems: 2, groupedSystems: 1, windowedSystems: 1 },
    share: 36,
    plannedFaults: 28,
    always: ['trouble', 'trouble', 'lone-trouble', 'odd-trouble'],
    weights: {
      ...platformFaults,
      trouble: 10,
      'lone-trouble': 7,
      'odd-trouble': 5,
      'foreign-trouble': 3,
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
      'kept-trouble': 2,
      'ladder-trouble': 2,
      'member-trouble': 2,
      'replace-by-hand': 1,
      'revert-by-hand': 2,
      drill: 1,
      'execution-lost': 1,
      'approve-late': 1,
    },
  },
  'zone-loss': {
    size: { multipleSystems: 10, fewestMembers: 9, mostMembers: 15, singleSystems: 20, foreignInstances: 10 },
    share: 7,
    plannedFaults: 32,
    always: ['zone-loss', 'capacity'],
    weights: { ...platformFaults, trouble: 4, 'stuck-stop': 2, 'sick-replacement': 2 },
  },
  'wrong-alarm': {
    size: usual,
    share: 7,
    plannedFaults: 32,
    always: ['wrong-alarm', 'wrong-alarm'],
    weights: { ...platformFaults, trouble: 5, 'lone-trouble': 3, 'group-trouble': 3 },
  },
  'bad-image': {
    size: usual,
    share: 8,
    plannedFaults: 32,
    always: ['bad-image', 'bad-image', 'trouble', 'trouble', 'group-trouble'],
    weights: { ...platformFaults, trouble: 12, 'lone-trouble': 8, 'new-image': 3, 'image-gone': 3 },
  },
  'single-machine-storm': {
    size: { multipleSystems: 5, fewestMembers: 5, mostMembers: 8, singleSystems: 60, foreignInstances: 15 },
    share: 8,
    plannedFaults: 34,
    always: ['lone-trouble', 'lone-trouble', 'lone-trouble', 'lone-storm'],
    weights: { ...platformFaults, 'lone-trouble': 30, 'sick-replacement': 4, 'stuck-stop': 4, capacity: 2 },
  },
  'deploys-and-pauses': {
    size: usual,
    share: 10,
    plannedFaults: 34,
    always: ['deploy', 'pause', 'pause', 'trouble', 'lone-trouble'],
    weights: {
      ...platformFaults,
      trouble: 10,
      'lone-trouble': 7,
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
    size: { multipleSystems: 20, fewestMembers: 20, mostMembers: 40, singleSystems: 40, foreignInstances: 60 },
    share: 1,
    plannedFaults: 36,
    always: ['group-trouble', 'wrong-alarm'],
    weights: { ...platformFaults, trouble: 12, 'lone-trouble': 4, 'odd-trouble': 4, 'group-trouble': 2 },
  },
  'data-and-addresses': {
    size: { ...small, keptSystems: 14 },
    share: 5,
    plannedFaults: 32,
    always: ['kept-trouble', 'kept-trouble', 'kept-trouble', 'sick-replacement'],
    weights: {
      ...platformFaults,
      'kept-trouble': 20,
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
    plannedFaults: 32,
    always: ['ladder-trouble', 'ladder-trouble', 'ladder-trouble'],
    weights: { ...platformFaults, 'ladder-trouble': 24, 'sick-replacement': 2, abort: 2, pause: 2, freeze: 1 },
  },
  'scaling-groups': {
    size: { ...small, groupedSystems: 6 },
    share: 4,
    plannedFaults: 32,
    always: ['member-trouble', 'member-trouble', 'group-heals', 'instance-refresh'],
    weights: {
      ...platformFaults,
      'member-trouble': 18,
      'group-heals': 5,
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
    plannedFaults: 34,
    always: ['kept-trouble', 'ladder-trouble', 'kept-trouble', 'odd-trouble'],
    weights: { ...platformFaults, 'kept-trouble': 10, 'ladder-trouble': 10, 'member-trouble': 3, 'odd-trouble': 6, approve: 12, 'approve-late': 12 },
  },
  maintenance: {
    size: { ...usual, windowedSystems: 14 },
    share: 2,
    plannedFaults: 32,
    always: ['trouble', 'trouble', 'lone-trouble', 'replace-by-hand'],
    weights: { ...platformFaults, trouble: 20, 'lone-trouble': 8, 'replace-by-hand': 5 },
  },
  'by-hand': {
    size: { ...small, keptSystems: 2, windowedSystems: 2 },
    share: 4,
    plannedFaults: 34,
    always: ['replace-by-hand', 'replace-by-hand', 'drill', 'drill', 'trouble'],
    weights: {
      ...platformFaults,
      'replace-by-hand': 9,
      'revert-by-hand': 16,
      drill: 9,
      trouble: 5,
      'lone-trouble': 5,
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
