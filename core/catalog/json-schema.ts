import * as z from 'zod/mini';
import { serviceLevelObjectiveSchema, serviceSchema } from './openslo/openslo.ts';
import { alertConditionSchema, alertPolicySchema, alertTargetSchema } from './openslo/openslo-alerts.ts';
import { dataSourceSchema, indicatorDocumentSchema } from './openslo/openslo-indicator.ts';
import { cloudWatchMetricSchema, perennialIndicatorSchema } from './openslo/openslo-sources.ts';
import { compiledCatalogSchema, escalationPolicySchema, policySchema, routeSchema, systemSchema, windowSchema } from './schema.ts';

/** One published schema: its file name in `docs/schema/` and its JSON Schema (draft 2020-12). */
export interface PublishedSchema {
  readonly fileName: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

const problemSchema = z.strictObject({
  file: z.string(),
  line: z.int().check(z.gte(1)),
  column: z.int().check(z.gte(1)),
  path: z.string(),
  message: z.string(),
  fix: z.string(),
});

/** What `perennial catalog check --json` prints. */
export const catalogCheckOutputSchema = z.strictObject({
  errors: z.array(problemSchema),
  warnings: z.array(problemSchema),
});

/** What people write (defaults may be left out), what functions read, and what the command prints. */
const published = [
  { fileName: 'system.schema.json', title: 'System', schema: systemSchema, io: 'input' },
  { fileName: 'remediation-policy.schema.json', title: 'RemediationPolicy', schema: policySchema, io: 'input' },
  { fileName: 'notification-route.schema.json', title: 'NotificationRoute', schema: routeSchema, io: 'input' },
  { fileName: 'maintenance-window.schema.json', title: 'MaintenanceWindow', schema: windowSchema, io: 'input' },
  { fileName: 'escalation-policy.schema.json', title: 'EscalationPolicy', schema: escalationPolicySchema, io: 'input' },
  { fileName: 'openslo-slo.schema.json', title: 'SLO (OpenSLO v1, as Perennial reads it)', schema: serviceLevelObjectiveSchema, io: 'input' },
  { fileName: 'openslo-service.schema.json', title: 'Service (OpenSLO v1)', schema: serviceSchema, io: 'input' },
  { fileName: 'openslo-sli.schema.json', title: 'SLI (OpenSLO v1)', schema: indicatorDocumentSchema, io: 'input' },
  { fileName: 'openslo-data-source.schema.json', title: 'DataSource (OpenSLO v1)', schema: dataSourceSchema, io: 'input' },
  { fileName: 'openslo-alert-policy.schema.json', title: 'AlertPolicy (OpenSLO v1)', schema: alertPolicySchema, io: 'input' },
  { fileName: 'openslo-alert-condition.schema.json', title: 'AlertCondition (OpenSLO v1)', schema: alertConditionSchema, io: 'input' },
  { fileName: 'openslo-alert-notification-target.schema.json', title: 'AlertNotificationTarget (OpenSLO v1)', schema: alertTargetSchema, io: 'input' },
  { fileName: 'openslo-cloudwatch-metric.schema.json', title: 'spec of a metricSource of type CloudWatch', schema: cloudWatchMetricSchema, io: 'input' },
  { fileName: 'openslo-perennial-indicator.schema.json', title: 'spec of a metricSource of type Perennial', schema: perennialIndicatorSchema, io: 'input' },
  { fileName: 'compiled-catalog.schema.json', title: 'Compiled catalog', schema: compiledCatalogSchema, io: 'output' },
  { fileName: 'catalog-check.schema.json', title: 'Output of catalog check --json', schema: catalogCheckOutputSchema, io: 'output' },
] as const;

/** The schemas of the catalog as they are published in `docs/schema/`. */
export function catalogJsonSchemas(): readonly PublishedSchema[] {
  return published.map(({ fileName, title, schema, io }) => ({ fileName, schema: { title, ...z.toJSONSchema(schema, { io }) } }));
}

/** The text of a published schema file. */
export function schemaText(schema: PublishedSchema['schema']): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
