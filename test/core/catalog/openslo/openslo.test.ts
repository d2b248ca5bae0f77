import { describe, expect, it } from 'vitest';
import { type CatalogCheck, checkCatalog } from '../../../../core/catalog/check.ts';
import { availabilityName } from '../../../../core/catalog/openslo/openslo-defaults.ts';
import { readOpenSloFile } from '../../../../core/catalog/openslo/openslo-file.ts';
import { specificationsOf } from '../../../../core/slo/objective/specification.ts';

const containing = (part: string): unknown => expect.stringContaining(part);

const head = 'apiVersion: openslo/v1\n';
const cloudWatch = 'metricSource: { type: CloudWatch, spec: { namespace: Shop, metric: Visitors, statistic: Sum } }';

/** The forms that the specification describes, as somebody would write them who never heard of CloudWatch. */
const forms: Readonly<Record<string, string>> = {
  'a data source with details of a connection':
    'kind: DataSource\nmetadata: { name: string, displayName: Main }\nspec:\n  type: CloudWatch\n  connectionDetails: { region: eu-central-1 }',
  'a service with labels of one and of many values':
    'kind: Service\nmetadata: { name: shop-web, labels: { costCentre: project1, team: [identity, rbac] }, annotations: { openslo.com/key1: value1, example.com/key2: value2 } }\nspec: { description: Storefront }',
  'a service without a spec': 'kind: Service\nmetadata: { name: shop-web }\nspec:',
  'an indicator by threshold':
    'kind: SLI\nmetadata: { name: latency }\nspec:\n  thresholdMetric: { metricSource: { type: Redshift, spec: { query: SELECT 1, nested: { list: [1, 2] } } } }',
  'an indicator by good and total':
    'kind: SLI\nmetadata: { name: errors }\nspec:\n  ratioMetric:\n    counter: true\n    good: { metricSource: { type: Prometheus, spec: { query: up } } }\n    total: { metricSource: { type: Prometheus, spec: { query: up } } }',
  'an indicator by bad and total':
    'kind: SLI\nmetadata: { name: errors }\nspec:\n  ratioMetric: { bad: { metricSource: { type: Any, spec: {} } }, total: { metricSource: { type: Any, spec: {} } } }',
  'an indicator that is a ratio already':
    'kind: SLI\nmetadata: { name: errors }\nspec:\n  ratioMetric: { rawType: failure, raw: { metricSource: { type: Any, spec: {} } } }',
  'a threshold counted in occurrences, with an empty list of alert policies':
    'kind: SLO\nmetadata: { name: search, displayName: Searching time }\nspec:\n  service: web-shop\n  indicator: { metadata: { name: search-latency }, spec: { thresholdMetric: { metricSource: { type: Any, spec: { query: Any } } } } }\n  timeWindow: [{ duration: 2w, isRolling: true }]\n  budgetingMethod: Occurrences\n  objectives: [{ displayName: Good experience, op: lt, value: 500, target: 0.99 }]\n  alertPolicies:',
  'a ratio of slices, with an operator nobody needs':
    'kind: SLO\nmetadata: { name: main-page }\nspec:\n  service: web-shop\n  indicator: { spec: { ratioMetric: { good: { metricSource: { type: Any, spec: {} } }, total: { metricSource: { type: Any, spec: {} } } } } }\n  timeWindow: [{ duration: 2w, isRolling: true }]\n  budgetingMethod: RatioTimeslices\n  objectives: [{ op: gt, timeSliceWindow: 1m, target: 0.99 }]',
  'slices of a calendar window of any length, with two objectives':
    'kind: SLO\nmetadata: { name: isp }\nspec:\n  service: isp\n  indicator: { spec: { ratioMetric: { good: { metricSource: { type: Any, spec: {} } }, total: { metricSource: { type: Any, spec: {} } } } } }\n  timeWindow: [{ duration: 1m, isRolling: false, calendar: { startTime: 2022-01-01 12:00:00, timeZone: America/New_York } }]\n  budgetingMethod: Timeslices\n  objectives:\n    - { op: gt, target: 0.995, timeSliceTarget: 0.99, timeSliceWindow: 1m }\n    - { target: 0.99, timeSliceTarget: 0.99, timeSliceWindow: 5 }',
  'an objective that says neither window nor method, and whose sources name their type beside a DataSource':
    'kind: SLO\nmetadata: { name: foo-slo }\nspec:\n  service: foo\n  indicator:\n    metadata: { name: foo-error, displayName: Foo Error }\n    spec:\n      ratioMetric:\n        counter: true\n        good: { metricSource: { metricSourceRef: datadog, type: Datadog, spec: { query: ok } } }\n        total: { metricSource: { metricSourceRef: datadog, type: Datadog, spec: { query: all } } }\n  objectives: [{ displayName: Foo Total Errors, target: 0.98 }]',
  'a condition':
    'kind: AlertCondition\nmetadata: { name: cpu-usage-breach }\nspec:\n  severity: page\n  condition: { kind: burnrate, op: lte, threshold: 2, lookbackWindow: 1h, alertAfter: 5m }',
  'a condition that alerts at once':
    'kind: AlertCondition\nmetadata: { name: breach }\nspec: { severity: sev1, condition: { op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 0m } }',
  'a target with capitals in its name':
    'kind: AlertNotificationTarget\nmetadata: { name: OnCallDevopsMailNotification }\nspec: { description: Mail, target: email }',
  'a policy with everything inside':
    'kind: AlertPolicy\nmetadata: { name: AlertPolicy }\nspec:\n  alertWhenBreaching: true\n  alertWhenResolved: false\n  conditions: [{ kind: AlertCondition, metadata: { name: fast }, spec: { severity: page, condition: { kind: burnrate, op: gt, threshold: 2, lookbackWindow: 1h } } }]\n  notificationTargets: [{ kind: AlertNotificationTarget, metadata: { name: mail }, spec: { target: email } }]',
};

describe('OpenSLO v1', () => {
  it.each(Object.entries(forms))('reads %s', (_, text) => {
    expect(readOpenSloFile({ path: 'slo.yaml', text: head + text }).problems).toEqual([]);
  });

  it('reads a policy whose parts are documents of their own', () => {
    const policy =
      'kind: AlertPolicy\nmetadata: { name: AlertPolicy }\nspec:\n  conditions: [{ conditionRef: cpu-usage-breach }]\n  notificationTargets: [{ targetRef: OnCallDevopsMailNotification }]';
    const documents = [policy, forms['a condition'], forms['a target with capitals in its name']].map((text) => `${head}${text}\n`);
    expect(readOpenSloFile({ path: 'slo.yaml', text: documents.join('---\n') }).problems).toEqual([]);
  });
});

const system = `apiVersion: perennial/v1
kind: System
metadata: { name: shop-web }
spec:
  purpose: Storefront
  impact: Customers cannot order
  owners: { owner: team-shop, operators: [ops] }
  environment: prod
  topology: multiple
  roles: [web]
  recovery: { rtoSeconds: 600, rpoSeconds: 0 }
  image: { role: web }
`;

function slo(rest: string, indicator = 'indicatorRef: errors'): string {
  return `${head}kind: SLO\nmetadata: { name: shop }\nspec:\n  service: shop-web\n  ${indicator}\n${rest}`;
}

const objectives = '  objectives: [{ target: 0.99 }]\n';
const sli = `${head}kind: SLI\nmetadata: { name: errors }\nspec:\n  ratioMetric: { good: { ${cloudWatch} }, total: { ${cloudWatch} } }\n`;

function check(...texts: readonly string[]): CatalogCheck {
  return checkCatalog([system, ...texts].map((text, index) => ({ path: `${index}.yaml`, text })));
}

function firstError(...texts: readonly string[]): string {
  const [error] = check(...texts).errors;
  return error === undefined ? 'no error' : `${error.file}:${error.line}:${error.column} ${error.path}: ${error.message} -> ${error.fix}`;
}

/** An alert policy inside an objective. */
function inlined(times: string, { tells = 'alertWhenBreaching: true', severity = 'page', targets = '[]' } = {}): string {
  return `{ metadata: { name: mine }, spec: { ${tells}, conditions: [{ spec: { severity: ${severity}, condition: { op: gt, threshold: 1, ${times} } } }], notificationTargets: ${targets} } }`;
}

describe('references', () => {
  it('are filled in: a published objective needs no other document', () => {
    const source = `${head}kind: DataSource\nmetadata: { name: main }\nspec: { type: CloudWatch }\n`;
    const referring = sli.replaceAll('type: CloudWatch', 'metricSourceRef: main');
    const policy = `${head}kind: AlertPolicy\nmetadata: { name: p }\nspec: { conditions: [{ conditionRef: breach }], notificationTargets: [{ targetRef: OnCallDevopsMailNotification }] }\n`;
    const others = [forms['a condition that alerts at once'], forms['a target with capitals in its name']].map((text) => head + text);
    const { catalog, errors } = check(slo(`${objectives}  alertPolicies: [{ alertPolicyRef: p }]\n`), referring, source, policy, ...others);
    expect(errors).toEqual([]);
    const spec = catalog?.objectives[0]?.spec;
    expect(spec?.indicatorRef).toBeUndefined();
    expect(spec?.indicator?.spec.ratioMetric?.good?.metricSource).toEqual({
      type: 'CloudWatch',
      spec: { namespace: 'Shop', metric: 'Visitors', statistic: 'Sum' },
    });
    expect(spec?.alertPolicies?.[0]?.spec?.conditions[0]?.spec?.severity).toBe('sev1');
    expect(spec?.alertPolicies?.[0]?.spec?.notificationTargets[0]?.spec?.target).toBe('email');
    expect(Object.keys(catalog ?? {})).not.toContain('indicators');
  });

  it.each([
    ['that is complete and known', inlined('lookbackWindow: 1h'), []],
    [
      'with a severity of its own',
      inlined('lookbackWindow: 1h', { severity: 'sev1' }),
      ['the severity "sev1" is not known: it is told as a warning -> Write one of page, critical, high, ticket, warning, low.'],
    ],
    [
      'that tells nobody',
      inlined('lookbackWindow: 1h', { tells: 'alertWhenResolved: true' }),
      [
        'this policy tells nobody: neither alertWhenBreaching nor alertWhenNoData is true -> Write "alertWhenBreaching: true". The end of what was told is always told.',
      ],
    ],
    [
      'with targets of its own',
      inlined('lookbackWindow: 1h', { targets: '[{ spec: { target: email } }]' }),
      [
        'its notificationTargets are not used: NotificationRoute documents say who is told of what -> Leave "notificationTargets: []", and write a NotificationRoute for the system.',
      ],
    ],
  ])('warn of an alert policy %s', (_, alertPolicy, expected) => {
    const { warnings, errors } = check(slo(`${objectives}  alertPolicies: [${alertPolicy}]\n`), sli);
    expect(errors).toEqual([]);
    const ours = warnings.filter(({ path }) => path === 'spec.alertPolicies[0]');
    expect(ours.map(({ message, fix }) => `${message} -> ${fix}`)).toEqual(expected);
  });

  it.each([
    ['an SLI', [slo(objectives, 'indicatorRef: error'), sli], '1.yaml:6:17 spec.indicatorRef: there is no SLI named "error" -> Did you mean "errors"?'],
    [
      'a DataSource',
      [slo(objectives), sli.replace('type: CloudWatch', 'metricSourceRef: main')],
      /^2\.yaml:5:59 spec\.ratioMetric\.good\.metricSource\.metricSourceRef: there is no DataSource named "main" -> Add a document of kind DataSource/,
    ],
    [
      'an alert policy',
      [slo(`${objectives}  alertPolicies: [{ alertPolicyRef: p }]\n`), sli],
      /^1\.yaml:8:37 spec\.alertPolicies\[0\]\.alertPolicyRef: there is no AlertPolicy/,
    ],
    [
      'a condition inside an inlined policy',
      [slo(`${objectives}  alertPolicies: [{ spec: { conditions: [{ conditionRef: c }], notificationTargets: [] } }]\n`), sli],
      /conditions\[0\]\.conditionRef: there is no AlertCondition named "c"/,
    ],
    [
      'a burn rate that a total outage does not reach, with the arithmetic',
      [
        slo(`  objectives: [{ target: 0.9 }]\n  alertPolicies: [{ alertPolicyRef: p }]\n`),
        sli,
        `${head}kind: AlertPolicy\nmetadata: { name: p }\nspec: { conditions: [{ spec: { severity: page, condition: { op: gt, threshold: 14.4, lookbackWindow: 1h } } }], notificationTargets: [] }\n`,
      ],
      /can never fire: more than 14\.4 × 10 % = 144 % of everything would have to fail -> Choose a threshold below 10,/,
    ],
    [
      'a look-back longer than the window',
      [slo(`${objectives}  alertPolicies: [${inlined('lookbackWindow: 9w')}]\n`), sli],
      /^1\.yaml:8:\d+ spec\.alertPolicies\[0\]: its lookbackWindow of 9w is longer than the 30d of the objective -> Choose a shorter one/,
    ],
    [
      'a look-back shorter than a slice',
      [
        slo(
          `  budgetingMethod: Timeslices\n  objectives: [{ target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: 1h }]\n  alertPolicies: [${inlined('lookbackWindow: 30m')}]\n`,
        ),
        sli,
      ],
      /its lookbackWindow of 30m is shorter than a slice, which has 3600 s -> Choose one of several slices/,
    ],
    [
      'an alert that waits for more than a day',
      [slo(`${objectives}  alertPolicies: [${inlined('lookbackWindow: 1h, alertAfter: 25h')}]\n`), sli],
      /its alertAfter of 25h is more than a day -> Choose at most 1d/,
    ],
    [
      'a burn rate below 0',
      [slo(`${objectives}  alertPolicies: [${inlined('lookbackWindow: 1h').replace('threshold: 1', 'threshold: -1')}]\n`), sli],
      /threshold: must be at least 0/,
    ],
    [
      'two policies of one name',
      [slo(`${objectives}  alertPolicies: [${inlined('lookbackWindow: 1h')}, ${inlined('lookbackWindow: 6h')}]\n`), sli],
      /^1\.yaml:8:\d+ spec\.alertPolicies\[1\]: there is another alert policy "mine" in this objective -> Give each policy a name/,
    ],
    [
      'a target of a policy',
      [
        `${head}kind: AlertPolicy\nmetadata: { name: p }\nspec: { conditions: [{ spec: { severity: page, condition: { op: gt, threshold: 1, lookbackWindow: 1h } } }], notificationTargets: [{ targetRef: t }] }\n`,
      ],
      /notificationTargets\[0\]\.targetRef: there is no AlertNotificationTarget named "t"/,
    ],
  ])('that are broken are errors with their place: %s', (_, texts, expected) => {
    expect(firstError(...texts)).toMatch(expected);
  });

  it('to a document that has mistakes of its own are not reported again', () => {
    expect(check(slo(objectives), sli.replace('good:', 'goood:')).errors.map(({ path }) => path)).toEqual(['spec.ratioMetric', 'spec.ratioMetric.goood']);
  });
});

/** A document with one mistake, and what is said of it. */
const mistakes: readonly (readonly [name: string, texts: readonly string[], says: RegExp])[] = [
  ['an unknown key', [slo(`${objectives}  budget: 1\n`), sli], /^1\.yaml:8:3 spec\.budget: unknown key "budget" -> Remove it, or use one of: /],
  [
    'an unknown key deep inside',
    [slo(objectives), sli.replace('statistic', 'statistics')],
    /unknown key "statistics" -> Did you mean "statistic"\?|"statistic" is missing/,
  ],
  ['no indicator at all', [slo(objectives, 'description: none')], /must have an indicator/],
  [
    'both forms of an indicator',
    [slo(objectives, `indicatorRef: errors\n  indicator: { spec: { thresholdMetric: { ${cloudWatch} } } }`), sli],
    /one of indicator and indicatorRef, not both/,
  ],
  [
    'an indicator in one objective and beside them',
    [slo('  objectives: [{ target: 0.9, indicatorRef: errors }]\n'), sli],
    /beside the one that all objectives share/,
  ],
  ['a weight outside a composite', [slo('  objectives: [{ target: 0.9, compositeWeight: 2 }]\n'), sli], /compositeWeight belongs to a composite/],
  [
    'a composite with slices of two lengths',
    [
      slo(
        '  budgetingMethod: RatioTimeslices\n  objectives: [{ target: 0.9, indicatorRef: errors, timeSliceWindow: 1m }, { target: 0.8, indicatorRef: errors, timeSliceWindow: 5m }]\n',
        'description: two',
      ),
      sli,
    ],
    /slices of one length/,
  ],
  ['raw without its type', [sli.replace(/ratioMetric: .*/, `ratioMetric: { raw: { ${cloudWatch} } }`)], /rawType and raw belong together/],
  [
    'raw and total',
    [sli.replace(/ratioMetric: .*/, `ratioMetric: { rawType: success, raw: { ${cloudWatch} }, total: { ${cloudWatch} } }`)],
    /either "good" \(or "bad"\) with "total", or "raw"/,
  ],
  ['a source that does not say what it is', [sli.replace('type: CloudWatch, ', '')], /type, metricSourceRef, or both/],
  [
    'a source that Perennial cannot read',
    [sli.replace('type: CloudWatch', 'type: Prometheus')],
    /^1\.yaml:5:\d+ spec\.ratioMetric\.good\.metricSource\.type: Perennial reads CloudWatch and Perennial, not Prometheus/,
  ],
  ['a misspelt source', [sli.replace('type: CloudWatch', 'type: Cloudwatch')], /Did you mean "CloudWatch"\?/],
  [
    'a CloudWatch metric without a namespace',
    [sli.replace('namespace: Shop, ', '')],
    /^1\.yaml:5:\d+ spec\.ratioMetric\.good\.metricSource\.spec\.namespace: "namespace" is missing/,
  ],
  [
    'a threshold behind a reference without op',
    [slo(objectives), `${head}kind: SLI\nmetadata: { name: errors }\nspec:\n  thresholdMetric: { ${cloudWatch} }\n`],
    /thresholdMetric needs exactly one objective, with op and value/,
  ],
  [
    'a policy with two conditions',
    [`${head}kind: AlertPolicy\nmetadata: { name: p }\nspec: { conditions: [{ conditionRef: a }, { conditionRef: b }], notificationTargets: [] }\n`],
    /exactly one condition/,
  ],
  [
    'a condition by name and inline',
    [
      `${head}kind: AlertPolicy\nmetadata: { name: p }\nspec: { conditions: [{ conditionRef: a, spec: { severity: x, condition: { op: gt, threshold: 1, lookbackWindow: 1h } } }], notificationTargets: [] }\n`,
    ],
    /either "conditionRef" or an alert condition itself/,
  ],
  [
    'a window of 91 days',
    [slo(`  timeWindow: [{ duration: 91d, isRolling: true }]\n${objectives}`), sli],
    /^1\.yaml:7:28 spec\.timeWindow\[0\]\.duration: .*1 to 90 days/,
  ],
  ['a rolling window of minutes in a catalog', [slo(`  timeWindow: [{ duration: 90m, isRolling: true }]\n${objectives}`), sli], /1 to 90 days/],
  [
    'a calendar year in a catalog',
    [slo(`  timeWindow: [{ duration: 1Y, calendar: { startTime: 2026-01-01 00:00:00, timeZone: Etc/UTC } }]\n${objectives}`), sli],
    /1 day to 1 quarter/,
  ],
  [
    'an unknown annotation of Perennial',
    [slo(objectives).replace('name: shop }', 'name: shop, annotations: { perennial.io/nodata: bad } }'), sli],
    /metadata\.annotations.*is no annotation of Perennial -> Write one of: perennial\.io\/no-data/,
  ],
  [
    'a value that an annotation does not take',
    [slo(objectives).replace('name: shop }', 'name: shop, annotations: { perennial.io/no-data: maybe } }'), sli],
    /^1\.yaml:3:\d+ metadata\.annotations.*is not a value this annotation takes/,
  ],
  [
    'an indicator of Perennial as an event count',
    [sli.replace(cloudWatch, 'metricSource: { type: Perennial, spec: { indicator: canary, canary: checkout } }')],
    /stands under "raw"/,
  ],
  [
    'an unknown indicator of Perennial',
    [sli.replace(/ratioMetric: .*/, 'ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: { indicator: canari } } } }')],
    /target-group, canary, instance-healthy-minutes/,
  ],
  [
    'an indicator of Perennial without its subject',
    [sli.replace(/ratioMetric: .*/, 'ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: { indicator: target-group } } } }')],
    /"targetGroup" is missing -> Add "targetGroup: shop-web"/,
  ],
];

describe('mistakes', () => {
  it.each(mistakes)('%s', (_, texts, says) => {
    expect(firstError(...texts)).toMatch(says);
  });

  it('an access key in a DataSource is a warning: it has no business in git', () => {
    const source = `${head}kind: DataSource\nmetadata: { name: main }\nspec: { type: CloudWatch, connectionDetails: { accessKeyID: x, secretAccessKey: y } }\n`;
    expect(check(source).warnings).toContainEqual(expect.objectContaining({ file: '1.yaml', path: 'spec.connectionDetails', message: containing('not used') }));
  });
});

describe('indicators', () => {
  it.each([
    ['a business metric of ones own (S3-07)', `{ ratioMetric: { good: { ${cloudWatch} }, total: { ${cloudWatch} } } }`],
    [
      'a target group by healthy hosts',
      '{ ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: { indicator: target-group, targetGroup: shop-web, minimumHealthy: 2 } } } } }',
    ],
    [
      'a target group by HTTP codes',
      '{ ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: { indicator: target-group, targetGroup: shop-web, measure: http-codes } } } } }',
    ],
    ['a canary', '{ ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: { indicator: canary, canary: checkout } } } } }'],
    [
      'the minutes in which instances were healthy',
      '{ ratioMetric: { rawType: success, raw: { metricSource: { type: Perennial, spec: { indicator: instance-healthy-minutes, system: shop-web } } } } }',
    ],
  ])('of a catalog may be %s (S2-06)', (_, spec) => {
    expect(check(slo(objectives, `indicator: { spec: ${spec} }`)).errors).toEqual([]);
  });
});

function promising(more = ''): string {
  return `${system}  availability:\n    target: 99.9\n    window: 30d\n${more}`;
}

describe('the plain default', () => {
  it('is three lines in a System that stand for an objective over its target group', () => {
    const { catalog, errors } = checkCatalog([{ path: 'a.yaml', text: promising('  targetGroups: [shop]\n') }]);
    expect(errors).toEqual([]);
    const [objective] = catalog?.objectives ?? [];
    expect(objective).toMatchObject({
      metadata: { name: 'shop-web-availability' },
      spec: { service: 'shop-web', budgetingMethod: 'Timeslices', objectives: [{ targetPercent: 99.9 }] },
    });
    expect(objective?.spec.indicator?.spec.ratioMetric?.raw?.metricSource.spec).toEqual({ indicator: 'target-group', targetGroup: 'shop' });
    expect(objective === undefined ? [] : specificationsOf(objective)).toMatchObject([
      { kind: 'specification', name: 'shop-web-availability', sliceSeconds: 60 },
    ]);
  });

  it('without a target group counts the minutes in which instances were healthy', () => {
    const { catalog } = checkCatalog([{ path: 'a.yaml', text: promising() }]);
    expect(catalog?.objectives[0]?.spec.indicator?.spec.ratioMetric?.raw?.metricSource.spec).toEqual({
      indicator: 'instance-healthy-minutes',
      system: 'shop-web',
    });
  });

  it('needs the target alone', () => {
    const { catalog } = checkCatalog([{ path: 'a.yaml', text: `${system}  availability: { target: 99.9 }\n` }]);
    expect(catalog?.objectives[0]?.spec.timeWindow).toEqual([{ duration: '30d', isRolling: true }]);
  });

  it.each([
    ['100', /a target of 100 % is refused/],
    ['0', /must be more than 0/],
    ['0.999', /is a percentage here/],
    ['99.9, window: 91d', /1 to 90 days/],
    ['99.9, window: 1M', /1 to 90 days/],
  ])('refuses a target of %s', (target, says) => {
    const [error] = checkCatalog([{ path: 'a.yaml', text: `${system}  availability: { target: ${target} }\n` }]).errors;
    expect(error?.message).toMatch(says);
    expect(error?.line).toBe(13);
  });

  it('does not take the name of an objective that somebody has written', () => {
    const taken = `${head}kind: SLO\nmetadata: { name: shop-web-availability }\nspec:\n  service: shop-web\n  indicator: { spec: { ratioMetric: { good: { ${cloudWatch} }, total: { ${cloudWatch} } } } }\n${objectives}`;
    const { errors } = checkCatalog([promising(), taken].map((text, index) => ({ path: `${index}.yaml`, text })));
    expect(errors).toMatchObject([{ file: '0.yaml', path: 'spec.availability', message: containing('there is one of that name already') }]);
  });

  it('warns when one replacement would break it, as an objective does', () => {
    const { warnings } = checkCatalog([{ path: 'a.yaml', text: `${system}  availability: { target: 99.999 }\n` }]);
    expect(warnings.map(({ path, message }) => `${path}: ${message}`)).toContainEqual(
      expect.stringMatching(/^spec\.availability\.target: 99\.999 % over 30d allows 25\.92 s/),
    );
  });

  it('keeps names within what a record takes', () => {
    expect(availabilityName(`${'a'.repeat(49)}-b`)).toBe(`${'a'.repeat(49)}-availability`);
  });
});
