import { Aws } from 'aws-cdk-lib';
import type { CompiledCatalog } from '../../core/catalog/schema.ts';

/** What the catalog lists, as ARNs and tag values: the whole of what Perennial may change. */
export interface CatalogScope {
  readonly systemNames: readonly string[];
  readonly targetGroupArns: readonly string[];
  readonly alarmArns: readonly string[];
  readonly dashboardArns: readonly string[];
  readonly instanceRoleArns: readonly string[];
  /** In lower case and without a dot at the end, as IAM compares them. */
  readonly hostedZoneNames: readonly string[];
  /** Run Command documents that policies restart services with. */
  readonly restartDocumentArns: readonly string[];
}

export function arnOf(service: string, resource: string): string {
  return `arn:${Aws.PARTITION}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
}

const distinct = (values: readonly string[]): readonly string[] => [...new Set(values)].toSorted((left, right) => left.localeCompare(right, 'en'));

/** A clone is named `<original>--<instance id>` (`aws/fleet/alarm-cloner.ts`), which a glob without a star at its end does not match. */
function withClones(glob: string): readonly string[] {
  return glob.endsWith('*') ? [glob] : [glob, `${glob}--*`];
}

export function catalogScopeOf({ systems, policies }: CompiledCatalog): CatalogScope {
  const documents = policies.flatMap(({ spec }) => spec.restartProcess?.document ?? []);
  const roles = systems.flatMap(({ spec }) => (spec.access.instanceRole === undefined ? [] : [spec.access.instanceRole]));
  return {
    systemNames: distinct(systems.map(({ metadata }) => metadata.name)),
    targetGroupArns: distinct(systems.flatMap(({ spec }) => spec.targetGroups)).map((name) => arnOf('elasticloadbalancing', `targetgroup/${name}/*`)),
    alarmArns: distinct(systems.flatMap(({ spec }) => spec.alarms.flatMap(withClones))).map((glob) => arnOf('cloudwatch', `alarm:${glob}`)),
    // Dashboards are of no Region: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    dashboardArns: distinct(systems.flatMap(({ spec }) => spec.dashboards)).map(
      (name) => `arn:${Aws.PARTITION}:cloudwatch::${Aws.ACCOUNT_ID}:dashboard/${name}`,
    ),
    hostedZoneNames: distinct(systems.flatMap(({ spec }) => spec.hostedZones.map((name) => name.toLowerCase().replace(/\.$/, '')))),
    restartDocumentArns: distinct(documents).map((name) => arnOf('ssm', `document/${name}`)),
    instanceRoleArns: distinct(roles).map((name) => `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${name}`),
  };
}

/** A role's policies are split into several where one would be too long, but never within a statement. */
const maximumPerStatement = 40;

export function inChunks(values: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(values.length / maximumPerStatement);
  return Array.from({ length: count }, (_, index) => values.slice(index * maximumPerStatement, (index + 1) * maximumPerStatement));
}
