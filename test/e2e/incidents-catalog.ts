/*
 * What `incidents.test.ts` needs of the deployed catalog: four systems that have no machines and are never repaired, and a route for each
 * of their people by name. No other file's messages carry these names, and theirs go to nobody else's mailbox.
 */

interface Organisation {
  readonly owner: string;
  readonly operators: readonly string[];
  readonly developers?: readonly string[];
  readonly business?: readonly string[];
}

const BAKERY = 'bakery';
const CAFE = 'cafe';
const MUSEUM = 'museum';
const LIBRARY = 'library';

/** The team behind a system is called as its route is. */
const organisations: Readonly<Record<string, Organisation>> = {
  [BAKERY]: { owner: 'team-bakery', operators: ['bakery-operators'], developers: ['bakery-developers'], business: ['bakery-sales'] },
  // It needs the bakery.
  [CAFE]: { owner: 'team-cafe', operators: ['cafe-operators'] },
  // Nobody answers there.
  [MUSEUM]: { owner: 'team-museum', operators: ['museum-operators'], business: ['museum-board'] },
  [LIBRARY]: { owner: 'team-library', operators: ['library-operators'] },
};

/** Routes that have a program too, which gets JSON. */
const withProgram: readonly string[] = ['bakery-developers', 'cafe-operators', 'museum-operators', 'library-operators'];

/** The program of this route answers with an error, always. */
export const FAILING_PROGRAM = 'museum-operators';

/** Names of all routes, and so of all mailboxes. */
export const routeNames: readonly string[] = Object.values(organisations).flatMap(({ owner, operators, developers = [], business = [] }) => [
  owner,
  ...operators,
  ...developers,
  ...business,
]);

const document = (kind: string, name: string, spec: unknown) => ({ apiVersion: 'perennial/v1', kind, metadata: { name }, spec });

function systemOf([name, owners]: readonly [string, Organisation]): readonly unknown[] {
  const spec = {
    purpose: `A story of the end-to-end tests: ${name}`,
    impact: `The ${name} is closed`,
    owners,
    environment: 'test',
    topology: 'single',
    roles: [name],
    recovery: { rtoSeconds: 600, rpoSeconds: 0, stateful: false },
    alarms: [`${name}-*`],
    links: name === CAFE ? [{ to: BAKERY, kind: 'supply' }] : [],
    image: { role: name },
  };
  return [document('System', name, spec), document('RemediationPolicy', name, { system: name, mode: 'dry-run', verifiedAfterSeconds: VERIFIED_AFTER_SECONDS })];
}

/** So long it must be calm. */
export const VERIFIED_AFTER_SECONDS = 5;

function routeOf(name: string): unknown {
  return document('NotificationRoute', name, {
    role: name,
    // Only what happens here: every subscription is one more to deploy.
    severities: name.includes(BAKERY) ? ['high', 'warning'] : ['high'],
    // Nobody listens on port 9: the subscription that is deployed waits for its confirmation for ever, and the test's own takes its place.
    to: [{ email: `${name}@example.com` }, ...(withProgram.includes(name) ? [{ https: `https://127.0.0.1:9/${name}` }] : [])],
    group: { waitSeconds: 0 },
  });
}

/** The shortest times that the catalog allows. */
const museumEscalation = {
  systems: [MUSEUM],
  levels: [
    { afterMinutes: 1, roles: ['operators'], channels: ['https'] },
    { afterMinutes: 2, roles: ['owner'], channels: ['email'] },
    { afterMinutes: 3, roles: ['business'], channels: ['email', 'sms'] },
  ],
  repeats: 1,
  repeatAfterMinutes: 1,
  acknowledgedForMinutes: 1,
};

/** Documents of a catalog, beside those of the other stories; catalog.ts keeps the escalation of all other systems out of the way. */
export const incidentDocuments: readonly unknown[] = [
  ...Object.entries(organisations).flatMap(systemOf),
  ...routeNames.map(routeOf),
  document('EscalationPolicy', 'museum', museumEscalation),
];
