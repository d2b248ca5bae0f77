import { describe, expect, it } from 'vitest';
import { checkCatalog } from '../../../core/catalog/check.ts';
import { catalogLimits } from '../../../core/catalog/documents.ts';

const system = `apiVersion: perennial/v1
kind: System
metadata: { name: shop-web }
spec:
  purpose: Storefront pages
  impact: Customers cannot order
  owners: { owner: team-shop }
  environment: prod
  topology: multiple
  roles: [web]
  recovery: { rtoSeconds: 600, rpoSeconds: 0 }
  resources: { cpuCount: { min: 2, average: 2, max: 4 }, memoryGiB: { min: 4, average: 4, max: 8 }, diskGiB: { min: 20, average: 30, max: 60 } }
  os: { name: Amazon Linux }
  alarms: [shop-web-*]
  image: { role: web }
`;

const policy = `apiVersion: perennial/v1
kind: RemediationPolicy
metadata: { name: shop-web }
spec:
  system: shop-web
  mode: auto
  triggers:
    - instance.status-check
    - { alarm: shop-web-unhealthy }
`;

const route = `apiVersion: perennial/v1
kind: NotificationRoute
metadata: { name: operators }
spec:
  role: operators
  severities: [critical, high]
  to:
    - { email: ops@example.com }
`;

const slo = `apiVersion: openslo/v1
kind: SLO
metadata: { name: shop-web }
spec:
  service: shop-web
  indicator:
    spec:
      ratioMetric:
        good: { metricSource: { type: CloudWatch, spec: { namespace: Shop, metric: Good, statistic: Sum } } }
        total: { metricSource: { type: CloudWatch, spec: { namespace: Shop, metric: Total, statistic: Sum } } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Timeslices
  objectives:
    - { targetPercent: 99.9, timeSliceTarget: 0.99, timeSliceWindow: 1m }
`;

/** One file per document; `change` replaces text in one of them, which must be there. */
function changed(text: string, change?: readonly [from: string, to: string]): string {
  if (change === undefined) return text;
  expect(text).toContain(change[0]);
  return text.replace(change[0], change[1]);
}

function check(changes: {
  system?: readonly [string, string];
  policy?: readonly [string, string];
  route?: readonly [string, string];
  slo?: readonly [string, string];
}) {
  return checkCatalog([
    { path: 'ops/system.yaml', text: changed(system, changes.system) },
    { path: 'ops/policy.yaml', text: changed(policy, changes.policy) },
    { path: 'ops/route.yaml', text: changed(route, changes.route) },
    { path: 'ops/slo.yaml', text: changed(slo, changes.slo) },
  ]);
}

describe('a catalog without mistakes', () => {
  it('gives the documents with every default filled in, without a warning', () => {
    const { catalog, errors, warnings } = check({});
    expect(errors).toEqual([]);
    expect(warnings).toEqual([]);
    expect(catalog?.systems[0]?.spec).toMatchObject({
      concurrencySafe: false,
      targetGroups: [],
      image: { role: 'web', type: 'ami' },
      recovery: { stateful: false },
      network: { subnets: [] },
    });
    expect(catalog?.policies[0]?.spec).toMatchObject({ mode: 'auto', pendingSeconds: 60, quarantineHours: 96, caps: { maxInFlight: 5, maxAttemptsPerDay: 3 } });
    expect(catalog?.objectives[0]?.spec.indicator?.spec.ratioMetric?.counter).toBe(false);
  });

  it('makes a policy that says nothing a dry run over the two built-in triggers', () => {
    const { catalog } = check({ policy: ['  mode: auto\n  triggers:\n    - instance.status-check\n    - { alarm: shop-web-unhealthy }\n', ''] });
    expect(catalog?.policies[0]?.spec).toMatchObject({ mode: 'dry-run', triggers: ['instance.status-check', 'instance.target-unhealthy'] });
  });

  it('takes the OpenSLO forms of a slice: minutes as a number, 1m, 60s', () => {
    for (const window of ['1', '60s', '5m', '1h']) {
      expect(check({ slo: ['timeSliceWindow: 1m', `timeSliceWindow: ${window}`] }).errors).toEqual([]);
    }
  });

  it('takes a calendar window and a Service that names a System', () => {
    expect(
      check({ slo: ['{ duration: 30d, isRolling: true }', '{ duration: 1M, calendar: { startTime: 2026-01-01 00:00:00, timeZone: Asia/Seoul } }'] }).errors,
    ).toEqual([]);
    const service = { path: 'service.yaml', text: 'apiVersion: openslo/v1\nkind: Service\nmetadata: { name: shop-web }\nspec: {}\n' };
    expect(checkCatalog([{ path: 'system.yaml', text: system }, service]).catalog?.services).toHaveLength(1);
  });
});

const messages = (files: Parameters<typeof checkCatalog>[0]) => checkCatalog(files).errors.map(({ message }) => message);

const warningsOf = (changes: Parameters<typeof check>[0]) => check(changes).warnings;

type Mistake = readonly [
  title: string,
  changes: Parameters<typeof check>[0],
  place: readonly [file: string, line: number, column: number, path: string],
  message: RegExp,
  fix: RegExp,
];

const mistakes: readonly Mistake[] = [
  [
    'an unknown key',
    { policy: ['  mode: auto', '  mode: auto\n  pendingSecond: 5'] },
    ['policy', 7, 3, 'spec.pendingSecond'],
    /^unknown key "pendingSecond"$/,
    /^Did you mean "pendingSeconds"\?$/,
  ],
  [
    'an unknown key in a flow mapping',
    { system: ['owner: team-shop', 'owner: team-shop, boss: x'] },
    ['system', 7, 31, 'spec.owners.boss'],
    /unknown key "boss"/,
    /owner, operators, developers, business/,
  ],
  ['a missing key', { system: ['  environment: prod\n', ''] }, ['system', 5, 3, 'spec.environment'], /"environment" is missing/, /Add "environment: prod"/],
  [
    'a text where a number belongs',
    { policy: ['  mode: auto', '  drainSeconds: 5m'] },
    ['policy', 6, 17, 'spec.drainSeconds'],
    /must be a number, but text is written/,
    /digits only/,
  ],
  ['a fraction', { policy: ['  mode: auto', '  drainSeconds: 1.5'] }, ['policy', 6, 17, 'spec.drainSeconds'], /must be a whole number/, /Round it: 2/],
  ['a number below its limit', { policy: ['  mode: auto', '  healthyReads: 0'] }, ['policy', 6, 17, 'spec.healthyReads'], /must be at least 1/, /larger/],
  [
    'a number above its limit',
    { policy: ['  mode: auto', '  caps: { maxUnhealthyPercent: 101 }'] },
    ['policy', 6, 32, 'spec.caps.maxUnhealthyPercent'],
    /must be at most 100/,
    /smaller/,
  ],
  [
    'a number where text belongs',
    { system: ['name: Amazon Linux', 'name: Amazon Linux, version: 2023'] },
    ['system', 13, 38, 'spec.os.version'],
    /must be text/,
    /Put it in quotes: "2023"/,
  ],
  ['a text where a list belongs', { system: ['roles: [web]', 'roles: web'] }, ['system', 10, 10, 'spec.roles'], /must be a list/, /\[web\]/],
  [
    'a word outside the choice',
    { system: ['topology: multiple', 'topology: multipel'] },
    ['system', 9, 13, 'spec.topology'],
    /multiple, single/,
    /Did you mean "multiple"\?/,
  ],
  [
    'an unordered triple (S0-07)',
    { system: ['min: 2, average: 2', 'min: 3, average: 2'] },
    ['system', 12, 26, 'spec.resources.cpuCount'],
    /min <= average <= max/,
    /rising order/,
  ],
  [
    'an alarm pattern that claims every alarm',
    { system: ['[shop-web-*]', "['*']"] },
    ['system', 14, 12, 'spec.alarms[0]'],
    /alarm name/,
    /lone "\*" is not allowed/,
  ],
  [
    'an unknown trigger',
    { policy: ['- instance.status-check', '- instance.status-chek'] },
    ['policy', 8, 7, 'spec.triggers[0]'],
    /instance\.status-check/,
    /Did you mean "instance.status-check"\?/,
  ],
  [
    'a trigger of the wrong form',
    { policy: ['{ alarm: shop-web-unhealthy }', '{ alarms: x }'] },
    ['policy', 9, 7, 'spec.triggers[1]'],
    /one alarm by name/,
    /\{ alarm: shop-web-unhealthy \}/,
  ],
  [
    'a deadline shorter than what it waits for',
    { policy: ['  mode: auto', '  healthyDeadlineSeconds: 30'] },
    ['policy', 6, 27, 'spec.healthyDeadlineSeconds'],
    /too short/,
    /Raise/,
  ],
  [
    'a policy for a system that is not there',
    { policy: ['system: shop-web', 'system: shop-wed'] },
    ['policy', 5, 11, 'spec.system'],
    /no System named "shop-wed"/,
    /Did you mean "shop-web"\?/,
  ],
  [
    'a link to a system that is not there',
    { system: ['  image:', '  links: [{ to: payments, kind: api }]\n  image:'] },
    ['system', 15, 17, 'spec.links[0].to'],
    /no System named "payments"/,
    /Add a System of that name/,
  ],
  [
    'a link to itself',
    { system: ['  image:', '  links: [{ to: shop-web, kind: api }]\n  image:'] },
    ['system', 15, 17, 'spec.links[0].to'],
    /linked to itself/,
    /Remove/,
  ],
  [
    'an objective for a service that is not there',
    { slo: ['service: shop-web', 'service: shop'] },
    ['slo', 5, 12, 'spec.service'],
    /no System named "shop"/,
    /shop-web/,
  ],
  [
    'a phone number under smsParameter',
    { route: ['{ email: ops@example.com }', "{ smsParameter: '+49 151 23456789' }"] },
    ['route', 8, 23, 'spec.to[0].smsParameter'],
    /phone number itself never goes into git/,
    /SecureString/,
  ],
  [
    'a phone number under another key',
    { route: ['{ email: ops@example.com }', '{ phone: +4915123456789 }'] },
    ['route', 8, 7, 'spec.to[0]'],
    /phone number itself never goes into git/,
    /smsParameter: \/perennial/,
  ],
  [
    'a queue as a target',
    { route: ['{ email: ops@example.com }', '{ sqs: some-queue }'] },
    ['route', 8, 7, 'spec.to[0]'],
    /exactly one of an e-mail address/,
    /\{ email:/,
  ],
  [
    'plain http',
    { route: ['{ email: ops@example.com }', '{ https: "http://chat.example.com/hook" }'] },
    ['route', 8, 16, 'spec.to[0].https'],
    /https:\/\/ address/,
    /https:\/\/chat/,
  ],
  ['a repeated severity', { route: ['[critical, high]', '[critical, critical]'] }, ['route', 6, 15, 'spec.severities'], /same entry twice/, /Remove/],
  [
    'a target of 100 % (S2-07)',
    { slo: ['targetPercent: 99.9', 'targetPercent: 100'] },
    ['slo', 14, 24, 'spec.objectives[0].targetPercent'],
    /100 % is refused: it leaves an error budget of nothing/,
    /99\.9/,
  ],
  ['a target of 1 (S2-07)', { slo: ['targetPercent: 99.9', 'target: 1.0'] }, ['slo', 14, 17, 'spec.objectives[0].target'], /100 % is refused/, /99\.9/],
  ['a target of 0', { slo: ['targetPercent: 99.9', 'target: 0'] }, ['slo', 14, 17, 'spec.objectives[0].target'], /more than 0/, /99\.9/],
  [
    'two targets',
    { slo: ['targetPercent: 99.9', 'targetPercent: 99.9, target: 0.999'] },
    ['slo', 14, 7, 'spec.objectives[0]'],
    /exactly one of target and targetPercent/,
    /Keep one/,
  ],
  [
    'time slices without a target for one',
    { slo: ['timeSliceTarget: 0.99, ', ''] },
    ['slo', 14, 5, 'spec.objectives'],
    /needs timeSliceTarget/,
    /timeSliceTarget: 0\.99/,
  ],
  [
    'a slice that does not divide an hour',
    { slo: ['timeSliceWindow: 1m', 'timeSliceWindow: 7m'] },
    ['slo', 14, 70, 'spec.objectives[0].timeSliceWindow'],
    /divides one hour/,
    /1m/,
  ],
  ['a rolling window of a year', { slo: ['duration: 30d', 'duration: 365d'] }, ['slo', 11, 28, 'spec.timeWindow[0].duration'], /1 to 90 days/, /30d/],
  [
    'both numerators',
    { slo: ['        total:', '        bad: { metricSource: { type: CloudWatch, spec: { namespace: Shop, metric: Bad, statistic: Sum } } }\n        total:'] },
    ['slo', 9, 9, 'spec.indicator.spec.ratioMetric'],
    /exactly one of good and bad/,
    /Keep/,
  ],
  [
    'a reference to an SLI',
    { slo: [slo.slice(slo.indexOf('  indicator:'), slo.indexOf('  timeWindow:')), '  indicatorRef: other\n'] },
    ['slo', 6, 17, 'spec.indicatorRef'],
    /there is no SLI named "other"/,
    /Add a document of kind SLI/,
  ],
  ['a wrong apiVersion', { slo: ['openslo/v1', 'perennial/v1'] }, ['slo', 1, 13, 'apiVersion'], /kind SLO has the apiVersion openslo\/v1/, /openslo\/v1/],
  ['a misspelt kind', { policy: ['RemediationPolicy', 'RemediationPolice'] }, ['policy', 2, 7, 'kind'], /unknown kind/, /Did you mean "RemediationPolicy"\?/],
  ['a kind of a later version', { route: ['NotificationRoute', 'Job'] }, ['route', 2, 7, 'kind'], /Job is not accepted by this version/, /Remove the document/],
  [
    'a duplicate key',
    { system: ['  environment: prod', '  environment: prod\n  environment: test'] },
    ['system', 9, 3, ''],
    /not valid YAML/,
    /Remove or rename/,
  ],
  ['a tab', { system: ['  environment: prod', '\tenvironment: prod'] }, ['system', 8, 1, ''], /not valid YAML/, /indentation/],
  [
    'a list as a document',
    { route: ['apiVersion: perennial/v1', '- one\n---\napiVersion: perennial/v1'] },
    ['route', 1, 1, ''],
    /must be a mapping/,
    /apiVersion/,
  ],
];

describe('every mistake has a file, a line, a column and a fix', () => {
  it.each(mistakes)('%s', (_title, changes, [file, line, column, path], message, fix) => {
    const { catalog, errors } = check(changes);
    expect(catalog).toBeUndefined();
    const own = errors.filter((error) => error.file === `ops/${file}.yaml`);
    expect(own[0]).toMatchObject({ file: `ops/${file}.yaml`, line, column, path });
    expect(own[0]?.message).toMatch(message);
    expect(own[0]?.fix).toMatch(fix);
  });

  it.each(['__proto__', 'constructor', 'toString'])('has words for the unknown key %s too', (key) => {
    const { errors } = check({ policy: ['  mode: auto', `  mode: auto\n  ${key}: 5`] });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ line: 7, column: 3, message: `unknown key "${key}"` });
    expect(errors[0]?.fix).toMatch(/^Remove it, or use one of: system, mode/);
  });

  it('reads an unquoted "*" as YAML does, and says what to do', () => {
    const { errors } = check({ system: ['[shop-web-*]', '[*-cpu]'] });
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toBe('has an alias (*name) without an anchor (&name) before it');
  });

  it('says one mistake once: a system that breaks the schema is still a system to those that refer to it', () => {
    expect(check({ system: ['topology: multiple', 'topology: many'] }).errors).toHaveLength(1);
  });

  it('never repeats a phone number', () => {
    const { errors } = check({ route: ['{ email: ops@example.com }', '{ phone: +4915123456789 }'] });
    expect(JSON.stringify(errors)).not.toContain('4915123456789');
  });

  it('names the first of two documents with one name, and refuses two policies for one system', () => {
    const twice = checkCatalog([{ path: 'a.yaml', text: `${system}---\n${system}` }]);
    expect(twice.errors).toEqual([
      expect.objectContaining({
        file: 'a.yaml',
        line: 19,
        column: 19,
        path: 'metadata.name',
        message: 'a System named "shop-web" exists already in a.yaml, line 3',
      }),
    ]);
    const policies = checkCatalog([{ path: 'a.yaml', text: `${system}---\n${policy}---\n${policy.replace('name: shop-web', 'name: other')}` }]);
    expect(policies.errors).toEqual([expect.objectContaining({ line: 31, column: 11, message: 'the system "shop-web" has a policy already: "shop-web"' })]);
  });

  it('follows an alias to the text that is wrong', () => {
    const { errors } = check({ system: ['  os: { name: Amazon Linux }', '  network: { ip: &ip not-an-ip, gateway: *ip }'] });
    expect(errors.map(({ line, column, path }) => ({ line, column, path }))).toEqual([
      { line: 13, column: 22, path: 'spec.network.ip' },
      { line: 13, column: 42, path: 'spec.network.gateway' },
    ]);
  });
});

describe('limits', () => {
  it('refuses alias bombs, values that hold themselves and deep nesting, without running away', () => {
    const bomb = 'a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n';
    for (const text of [
      bomb,
      'apiVersion: perennial/v1\nkind: System\nspec: &x { a: *x }\n',
      '['.repeat(50_000),
      `kind: ${'{ a: '.repeat(60)}1${' }'.repeat(60)}`,
    ]) {
      expect(messages([{ path: 'bomb.yaml', text }])[0]).toMatch(/^is nested too deeply|^is not valid YAML: Maximum call stack/);
    }
  });

  it('refuses too large a file, too many files and too many documents', () => {
    expect(messages([{ path: 'a', text: '#'.repeat(catalogLimits.charactersPerFile + 1) }])).toEqual(['is larger than 1 MiB']);
    expect(messages(Array.from({ length: 501 }, (_, index) => ({ path: `${index}.yaml`, text: '' })))).toEqual(['the catalog has more than 500 files']);
    expect(messages([{ path: 'a', text: '---\na: 1\n'.repeat(501) }])).toEqual(['holds more than 500 documents']);
  });

  it('cuts a list of problems that nobody would read, and says how many are left', () => {
    const { errors } = checkCatalog([{ path: 'a', text: '---\nkind: Sistem\n'.repeat(400) }]);
    expect(errors).toHaveLength(200);
    expect(errors.at(-1)?.message).toBe('and 201 more from here on');
  });
});

describe('findings are warnings', () => {
  it('lists an empty purpose (S0-06) and a missing impact (S3-04), and still compiles', () => {
    const { catalog, warnings } = check({ system: ['  purpose: Storefront pages\n  impact: Customers cannot order\n', "  purpose: ''\n"] });
    expect(catalog).toBeDefined();
    expect(warnings.map(({ line, column, path }) => ({ line, column, path }))).toEqual([
      { line: 5, column: 3, path: 'spec.purpose' },
      { line: 5, column: 3, path: 'spec.impact' },
    ]);
    expect(warnings[0]?.message).toContain('S0-06');
    expect(warnings[1]?.message).toContain('S3-04');
  });

  it('says which targets one replacement of 600 s breaks: above 99.977 % in 30 days (S4-16)', () => {
    expect(warningsOf({ slo: ['targetPercent: 99.9,', 'targetPercent: 99.976,'] })).toEqual([]);
    const [warning] = warningsOf({ slo: ['targetPercent: 99.9,', 'targetPercent: 99.99,'] });
    expect(warning).toMatchObject({ file: 'ops/slo.yaml', line: 14, column: 9, path: 'spec.objectives[0].targetPercent' });
    expect(warning?.message).toBe('99.99 % over 30d allows 259.2 s, but one replacement may take 600 s: a single outage that needs one breaks the budget');
    expect(warning?.fix).toContain('99.976 %');
  });

  it('says 25.92 s for 99.999 % over 30 days (S2-04)', () => {
    expect(warningsOf({ slo: ['targetPercent: 99.9,', 'targetPercent: 99.999,'] })[0]?.message).toContain('allows 25.92 s');
  });

  it('says how few replacements of a single machine fit into its budget', () => {
    const single = ['topology: multiple', 'topology: single'] as const;
    expect(warningsOf({ system: single })).toEqual([]);
    const [warning] = checkCatalog([
      { path: 'system.yaml', text: system.replace(...single).replace('rtoSeconds: 600', 'rtoSeconds: 1800') },
      { path: 'route.yaml', text: route },
      { path: 'slo.yaml', text: slo },
    ]).warnings;
    expect(warning?.message).toContain('only 1 fit');
  });

  it('says when a trigger names an alarm that is not one of the system, and when nobody is paged', () => {
    expect(warningsOf({ policy: ['shop-web-unhealthy', 'shop-api-unhealthy'] })[0]).toMatchObject({
      file: 'ops/policy.yaml',
      line: 9,
      column: 16,
      path: 'spec.triggers[1].alarm',
    });
    const [unpaged] = warningsOf({ route: ['[critical, high]', '[info]'] });
    expect(unpaged).toMatchObject({ file: 'ops/system.yaml', line: 1, column: 1 });
    expect(unpaged?.message).toContain('nobody is paged');
  });
});
