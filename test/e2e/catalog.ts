import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, parseAllDocuments, stringify } from 'yaml';
import { budgetDocuments } from './budget-catalog.ts';
import { incidentDocuments } from './incidents-catalog.ts';

/*
 * What is deployed for the end-to-end tests: the demo's catalog, a system for each story of `repairs.test.ts`, and what `incidents.test.ts`
 * needs. Its times are short on purpose. Every system has a role, and so an image, of its own: what one story breaks is not shared with
 * another.
 */

export interface TestSystem {
  readonly name: string;
  readonly topology: 'single' | 'multiple';
  /** Instances at the start. */
  readonly size: number;
  /** Ports of its target groups: `<name>` for the first, `<name>-<port>` for the others. */
  readonly ports: readonly number[];
  /** Number of the zone in which its instances are; stories that run at once are spread over all. */
  readonly zone: 0 | 1 | 2;
  readonly isStateful?: boolean;
  readonly rpoSeconds?: number;
  /** An Auto Scaling group of this name runs the instances. */
  readonly isInGroup?: boolean;
  /** Nobody approved an image of its role. */
  readonly hasNoImage?: boolean;
  /** Fields of the policy that differ from {@link shortTimes} and {@link roomForAll}. */
  readonly policy?: Readonly<Record<string, unknown>>;
}

/** The defaults are 60, 300, 300, 3, 10, 15, 10, 600, 600, 600, 600, 600 and 300. */
const shortTimes = {
  pendingSeconds: 1,
  healthCheckGraceSeconds: 1,
  drainSeconds: 1,
  healthyReads: 2,
  healthyReadIntervalSeconds: 1,
  runningPersistSeconds: 1,
  statusPollSeconds: 1,
  cooldownSeconds: 1,
  verifiedAfterSeconds: 2,
  // Short they only need to be where a story waits for them.
  launchDeadlineSeconds: 180,
  healthyDeadlineSeconds: 180,
  drainDeadlineSeconds: 180,
  stopDeadlineSeconds: 180,
};

/** So that stories that run at once do not veto each other. */
const roomForAll = { maxInFlight: 100, maxStartsPerHour: 1000, platformUnhealthySystems: 1000 };

/** Long enough in `await-healthy` for a person to stop it there, on a slow machine too; it goes on and ends while other stories run. */
const slowToTrust = { healthyReads: 15, healthyReadIntervalSeconds: 2, healthyDeadlineSeconds: 300 };
/** The same where it never goes on. */
const hardToTrust = { ...slowToTrust, healthyReads: 20, healthyReadIntervalSeconds: 3 };

export const STORM_SIZE = 50;

/** `storm-01` to `storm-50`: single machines, and the caps as they are by default. */
export const stormNames: readonly string[] = Array.from({ length: STORM_SIZE }, (_, index) => `storm-${String(index + 1).padStart(2, '0')}`);

const zones = [0, 1, 2] as const;

export const stormSystems: readonly TestSystem[] = stormNames.map((name, index) => ({
  name,
  topology: 'single',
  size: 1,
  ports: [],
  zone: zones[index % zones.length] ?? 0,
  policy: { caps: { maxStartsPerHour: roomForAll.maxStartsPerHour } },
}));

/** One alarm for each instance of `misled`, by its place. */
export const misledAlarms: readonly string[] = Array.from({ length: 5 }, (_, index) => `misled-unhealthy-${index}`);

/** Systems of the stories that come first, and of those that need more than one failure. */
export const storySystems: readonly TestSystem[] = [
  // A machine with everything that must move: it fails by its alarm.
  { name: 'ledger', topology: 'single', size: 1, ports: [8080, 8443], zone: 0, rpoSeconds: 3600, isStateful: true },
  { name: 'clerk', topology: 'single', size: 1, ports: [], zone: 1 },
  // The emulator's groups register nothing with load balancers.
  { name: 'member', topology: 'multiple', size: 2, ports: [], zone: 1, isInGroup: true },
  // Its approved image disappears. It is not tried again within the hour.
  { name: 'baker', topology: 'single', size: 1, ports: [], zone: 2, policy: { cooldownSeconds: 3600 } },
  { name: 'halted', topology: 'multiple', size: 2, ports: [80], zone: 0, policy: hardToTrust },
  { name: 'frozen', topology: 'multiple', size: 2, ports: [80], zone: 2, policy: slowToTrust },
  { name: 'returned', topology: 'multiple', size: 2, ports: [80], zone: 2 },
  { name: 'asked', topology: 'single', size: 1, ports: [], zone: 1, policy: { mode: 'approve', approvalExpiresSeconds: 60 } },
  // It fails, and waits for a yes that comes.
  { name: 'approved', topology: 'single', size: 1, ports: [], zone: 2, policy: { mode: 'approve', approvalExpiresSeconds: 300 } },
  { name: 'aborted', topology: 'multiple', size: 2, ports: [80], zone: 1, policy: hardToTrust },
  { name: 'drilled', topology: 'multiple', size: 2, ports: [80], zone: 0 },
  { name: 'imageless', topology: 'single', size: 1, ports: [], zone: 2, hasNoImage: true },
  { name: 'ended', topology: 'single', size: 1, ports: [], zone: 0 },
  { name: 'paced', topology: 'multiple', size: 5, ports: [80], zone: 0 },
  // Its probe has so long to become healthy, and does not.
  { name: 'misread', topology: 'multiple', size: 5, ports: [80], zone: 1, policy: { healthyDeadlineSeconds: 30 } },
  // Each instance has an alarm, and all of them are wrong.
  { name: 'misled', topology: 'multiple', size: 5, ports: [80], zone: 2, policy: { triggers: misledAlarms.map((alarm) => ({ alarm })) } },
];

const testSystems: readonly TestSystem[] = [...storySystems, ...stormSystems];

export function targetGroupsOf({ name, ports }: TestSystem): readonly { readonly name: string; readonly port: number }[] {
  return ports.map((port, index) => ({ name: index === 0 ? name : `${name}-${port}`, port }));
}

/** The name of the security group that all of them share; it confirms that the tags tell the truth. */
export const SECURITY_GROUP = 'repairs';

export const alarmNameOf = (system: string): string => `${system}-unhealthy`;

/** Nobody answers in these stories, however slow the machine is; systems of incidents.yaml may have levels of their own. */
const lateEscalation = {
  apiVersion: 'perennial/v1',
  kind: 'EscalationPolicy',
  metadata: { name: 'after-the-tests' },
  spec: { levels: [{ afterMinutes: 1440, roles: ['operators'] }] },
};

function documentsOf(system: TestSystem): readonly unknown[] {
  const { name, topology, isStateful = false, rpoSeconds = 0, policy } = system;
  return [
    {
      apiVersion: 'perennial/v1',
      kind: 'System',
      metadata: { name },
      spec: {
        purpose: `A story of the end-to-end tests: ${name}`,
        impact: 'None: it exists for the tests',
        owners: { owner: 'team-tests', operators: ['ops'] },
        environment: 'test',
        topology,
        roles: [name],
        recovery: { rtoSeconds: 600, rpoSeconds, stateful: isStateful },
        access: { securityGroups: [SECURITY_GROUP] },
        targetGroups: targetGroupsOf(system).map((group) => group.name),
        alarms: [`${name}-*`],
        image: { role: name },
      },
    },
    {
      apiVersion: 'perennial/v1',
      kind: 'RemediationPolicy',
      metadata: { name },
      spec: {
        system: name,
        mode: 'auto',
        triggers: ['instance.status-check', 'instance.target-unhealthy', { alarm: alarmNameOf(name) }],
        ...shortTimes,
        caps: { ...roomForAll },
        ...policy,
      },
    },
  ];
}

/** Where the demo lets people watch; `shop-batch` keeps its times, because Perennial is deployed in the middle of its repair. */
const shopWebTimes = { pendingSeconds: 2, drainSeconds: 1, verifiedAfterSeconds: 3, cooldownSeconds: 10 };

/** The demo's documents with room under the caps for the other stories of the hour, and shorter waits; all else as it is. */
function demoDocuments(projectFolder: string): string {
  const text = readFileSync(join(projectFolder, 'sandbox', 'ops', 'demo.yaml'), 'utf8');
  const documents: readonly Document[] = parseAllDocuments(text);
  for (const document of documents) {
    if (document.get('kind') !== 'RemediationPolicy') continue;
    document.setIn(['spec', 'caps'], roomForAll);
    if (document.getIn(['spec', 'system']) === 'shop-web') for (const [name, seconds] of Object.entries(shopWebTimes)) document.setIn(['spec', name], seconds);
  }
  return documents.map(String).join('');
}

function yamlOf(documents: readonly unknown[]): string {
  return documents.map((document) => stringify(document)).join('---\n');
}

/** Writes the catalog; the same files for every call. */
export function writeCatalog(projectFolder: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'demo.yaml'), demoDocuments(projectFolder));
  writeFileSync(join(folder, 'repairs.yaml'), yamlOf([...testSystems.flatMap(documentsOf), lateEscalation]));
  writeFileSync(join(folder, 'incidents.yaml'), yamlOf(incidentDocuments));
  writeFileSync(join(folder, 'budget.yaml'), yamlOf(budgetDocuments));
}
